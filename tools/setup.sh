#!/bin/bash
# Installs what a build of Weir needs and this machine lacks: Debian packages, and the pinned npm package
# with Envoy's .proto files. Says nothing and returns at once when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(build-essential cmake ninja-build ccache pkg-config lld
  protobuf-compiler libprotobuf-dev libnghttp2-dev libssl-dev libc-ares-dev libre2-dev libyaml-dev
  libcli11-dev libgtest-dev libbenchmark-dev python3 python3-yaml curl)
command -v npm >/dev/null || packages+=(npm)

installed=$(dpkg-query -W -f '${db:Status-Abbrev}${binary:Package}\n' "${packages[@]}" 2>/dev/null |
  sed -n 's/^ii *//p' | sed 's/:.*//') || true
missing=$(comm -23 <(printf '%s\n' "${packages[@]}" | sort) <(sort <<<"$installed") | tr '\n' ' ')
if [[ -n "${missing// /}" ]]; then
  if [[ $(id -u) != 0 ]]; then
    echo "setup: these Debian packages are missing; install them as root and try again:" >&2
    echo "  apt-get install --no-install-recommends $missing" >&2
    exit 1
  fi
  echo "setup: installing Debian packages: $missing"
  export DEBIAN_FRONTEND=noninteractive
  # An old or absent package list is the usual reason for a failure, so fetch a fresh one only then.
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
  }
fi

stamp=proto/node_modules/.weir-lock
if ! cmp -s proto/package-lock.json $stamp; then
  echo "setup: fetching Envoy's .proto files (npm ci in proto/)"
  (cd proto && npm ci --ignore-scripts --omit=optional --silent)
  cp proto/package-lock.json $stamp
fi

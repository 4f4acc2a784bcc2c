#!/bin/bash
# Installs what the tests and benchmarks talk to: clients, servers and proxies that are not ours. Says nothing where all are there.
#   tools/setup-tests.sh [fuzz] [lint] [differential] [smuggling] [prometheus] [testssl] [browser] [ratelimit]     also what these steps need
set -euo pipefail
packages=(python3 python3-yaml python3-h2 python3-grpcio curl openssl libssl-dev nginx-light haproxy nghttp2-client nghttp2-proxy)
for step in "$@"; do
  case $step in
    fuzz) packages+=(clang-16 libclang-rt-16-dev) ;;
    lint) packages+=(git clang-format-14) ;;
    differential) packages+=(python3-pip) ;;
    smuggling) packages+=(nodejs golang-go) ;;
    prometheus) packages+=(prometheus) ;;
    testssl) packages+=(testssl.sh) ;;
    ratelimit) packages+=(redis-server python3-venv) ;;  # for tools/setup-ratelimit.sh
    browser) packages+=(chromium) ;;  # 80 MB
    *) echo "setup-tests: unknown step $step" >&2; exit 2 ;;
  esac
done

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

# The servers are for our tests to start, so the packages must not start them: nobody expects an nginx on port 80 after `make spec`.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
fi
export DEBIAN_FRONTEND=noninteractive
# An old or absent package list is the usual reason for a failure, so fetch a fresh one only then.
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

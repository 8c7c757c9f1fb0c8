#!/usr/bin/env bash
# Everything a fresh Debian or Ubuntu machine needs: system packages, npm packages, Kafka's
# jars, the build. Safe to run again; then it takes a second or two.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf 'setup: %s\n' "$*"; }
refuse() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || refuse "tollgate runs on Linux x86-64 with glibc, not on $(uname -s) $(uname -m)."
command -v apt-get >/dev/null || refuse "tollgate is set up on Debian 12 or Ubuntu 22.04 and newer; apt-get is not here."
grep -qw avx2 /proc/cpuinfo || refuse "the RocksDB binary needs a CPU with AVX2; this one has none."

missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need java openjdk-17-jre-headless
need mvn maven
need g++ g++
need make make
need python3 python3
need strace strace
need wrk wrk
need setpriv util-linux
[ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)
[ -e /usr/include/openssl/ssl.h ] || missing+=(libssl-dev)
if [ "${#missing[@]}" -gt 0 ]; then
  sudo=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || refuse "these packages are missing and need root: ${missing[*]}"
    sudo=sudo
  fi
  say "system packages: ${missing[*]}"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

command -v node >/dev/null || refuse "Node is not here: install Node $(cat .nvmrc) (nvm install)."
case "$(node --version)" in
  v20.*) ;;
  *) refuse "tollgate runs on Node 20, this is $(node --version): install Node $(cat .nvmrc) (nvm install)." ;;
esac

stamp=node_modules/.tollgate-lock
if ! cmp -s package-lock.json "$stamp"; then
  say "npm packages (node-rdkafka is compiled: 2 to 4 minutes)"
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi

if [ ! -e .cache/kafka/.complete ]; then
  say "Kafka's jars (43 MB)"
  mvn -q -B -f ops/setup/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/.cache/kafka"
  touch .cache/kafka/.complete
fi

say "build"
npx tsc -p tsconfig.json
say "done"

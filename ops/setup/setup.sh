#!/usr/bin/env bash
# Everything a fresh Debian or Ubuntu machine needs: system packages, npm packages, Kafka's
# jars, the build. Safe to run again; then it takes a second or two.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf 'setup: %s\n' "$*"; }
# Runs a command; every 20 s a line says that it is still under way.
with_progress() {
  local what=$1 since=$SECONDS next=20
  shift
  "$@" &
  local pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    if ((SECONDS - since >= next)); then
      say "$what: $next s so far"
      next=$((next + 20))
    fi
  done
  wait "$pid"
}
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
need curl curl
need wrk wrk
need openssl openssl
need setpriv util-linux
need ip iproute2
need jq jq
need systemd-analyze systemd
[ -x /usr/sbin/nginx ] || missing+=(nginx)
[ -x /usr/sbin/logrotate ] || missing+=(logrotate)
[ -e /usr/lib/x86_64-linux-gnu/libnss_wrapper.so ] || missing+=(libnss-wrapper)
[ -e /usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 ] || missing+=(libfaketime)
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
  # Ours run as children of the cluster; the service that the package starts is not wanted.
  if [[ " ${missing[*]} " == *" nginx "* ]] && command -v systemctl >/dev/null; then
    $sudo systemctl disable --now --quiet nginx 2>/dev/null || true
  fi
fi

# Paths of this checkout stand in configuration files that cannot quote them.
[[ "$PWD" =~ ^[A-Za-z0-9/._+@~-]+$ ]] || refuse "the path of this checkout has a blank, a comma or a letter that is not ASCII: move it to a plain path. ($PWD)"

# Node 20: the machine's own, or the build that npm's registry has, by its digest, below .cache/node
# (the Makefile looks there first).
is_node_20() { command -v node >/dev/null && [[ "$(node --version)" =~ ^v20\.([0-9]+)\. ]] && [ "${BASH_REMATCH[1]}" -ge 20 ]; }
export PATH="$PWD/.cache/node/bin:$PATH"
if ! is_node_20 || ! command -v npm >/dev/null; then
  ops/setup/node.sh "$PWD/.cache/node"
  is_node_20 || refuse "the Node that was downloaded does not run here."
fi

stamp=node_modules/.tollgate-lock
if ! cmp -s package-lock.json "$stamp"; then
  say "npm packages (librdkafka is compiled the first time: 2 to 4 minutes)"
  npm view node-rdkafka version --fetch-timeout=5000 --fetch-retries=0 >/dev/null 2>&1 ||
    refuse "the npm registry does not answer within 5 s: connect this machine, or set npm's registry or https-proxy."
  # Development packages are needed, whatever the environment says. No package's script runs but
  # those that native-modules.sh names.
  with_progress "npm packages" npm ci --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error
  with_progress "native modules" ops/setup/native-modules.sh
  cp package-lock.json "$stamp"
fi

if ! cmp -s ops/setup/kafka/jars.sha256 .cache/kafka/.complete; then
  say "Kafka's jars (43 MB)"
  rm -rf .cache/kafka
  ops/setup/kafka/jars.sh fetch "$PWD/.cache/kafka"
  cp ops/setup/kafka/jars.sha256 .cache/kafka/.complete
fi

lint=.cache/cfn-lint
if [ ! -e "$lint/.1.58.0" ]; then
  say "cfn-lint (checks the AWS template)"
  rm -rf "$lint"
  python3 -m venv "$lint"
  "$lint/bin/pip" install -q --disable-pip-version-check cfn-lint==1.58.0
  touch "$lint/.1.58.0"
fi
# It takes Python 3.11; without it, the test of /openapi.json fails and says so.
fuzzer=.cache/schemathesis
if ! cmp -s ops/setup/schemathesis.txt "$fuzzer/.requirements" &&
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  say "schemathesis (makes requests from /openapi.json for a test)"
  rm -rf "$fuzzer"
  python3 -m venv "$fuzzer"
  "$fuzzer/bin/pip" install -q --disable-pip-version-check -r ops/setup/schemathesis.txt
  cp ops/setup/schemathesis.txt "$fuzzer/.requirements"
fi
# It is built by Go, whose checksum database vouches for the version. Without Go, the test of the
# workflows passes over it and says so; on a machine with CI set it fails.
workflows=.cache/actionlint
if [ ! -e "$workflows/.1.7.12" ] && command -v go >/dev/null; then
  say "actionlint (checks the workflows)"
  rm -rf "$workflows"
  if GOBIN="$PWD/$workflows" go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12; then
    touch "$workflows/.1.7.12"
  else
    say "actionlint was not installed: Go could not build it. The workflows are not linted here."
  fi
fi
# The command line beside those of the packages: before set-up its path is not there, and says so.
ln -sfn ../../ops/cli/tollgate.mjs node_modules/.bin/tollgate
say "build"
node_modules/.bin/tsc -p tsconfig.json
if [ ! .cache/kafka.jsa -nt .cache/kafka/.complete ]; then
  say "Kafka's classes (every later start takes less CPU)"
  # Without the archive Kafka starts as well, only later.
  node dist/ops/setup/kafka-classes.js || say "Kafka's classes were not archived: it starts without"
fi
say "done"

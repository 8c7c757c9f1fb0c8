#!/usr/bin/env bash
# Two stand-ins for Stripe that are not ours, into .cache: for tests only, never in the product.
set -euo pipefail
cd "$(dirname "$0")/../../.."
mock_version=v0.203.0

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

missing=()
command -v go >/dev/null || missing+=(golang-go)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ] && command -v apt-get >/dev/null; then
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  printf 'setup: system packages: %s\n' "${missing[*]}"
  $sudo apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "these packages could not be installed: ${missing[*]}"
fi

mock=.cache/stripe-mock
if [ ! -e "$mock/.complete-$mock_version" ]; then
  printf 'setup: stripe-mock %s (compiled: about a minute)\n' "$mock_version"
  GOBIN="$PWD/$mock" GOFLAGS=-buildvcs=false go install "github.com/stripe/stripe-mock@$mock_version" ||
    fail "stripe-mock could not be built: install Go 1.22 or newer (this is $(go version 2>/dev/null || echo none)) and let it reach its module proxy."
  touch "$mock/.complete-$mock_version"
fi

python=.cache/localstripe
if ! cmp -s ops/setup/stripe/requirements.txt "$python/requirements.txt"; then
  printf 'setup: localstripe\n'
  rm -rf "$python"
  { python3 -m venv "$python" &&
    "$python/bin/pip" install --quiet --no-input --disable-pip-version-check -r ops/setup/stripe/requirements.txt; } ||
    fail "localstripe could not be installed: it needs Python 3.10 or newer with venv and pip, and the Python package index."
  cp ops/setup/stripe/requirements.txt "$python/requirements.txt"
fi

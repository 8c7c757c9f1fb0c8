#!/usr/bin/env bash
# PgBouncer, for the test that tollgate works behind it. Without it that test is left out.
set -euo pipefail
[ ! -x /usr/sbin/pgbouncer ] || exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
printf 'setup: PgBouncer (for a test)\n'
{
  timeout 120 $sudo apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive timeout 120 $sudo apt-get install -y -qq --no-install-recommends pgbouncer
} >/dev/null 2>&1 || {
  printf 'setup: PgBouncer was not installed: its test is left out\n' >&2
  exit 1
}
# The service that the package starts is not wanted.
! command -v systemctl >/dev/null || $sudo systemctl disable --now --quiet pgbouncer 2>/dev/null || true

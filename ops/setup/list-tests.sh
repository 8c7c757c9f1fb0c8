#!/usr/bin/env bash
# Lists the compiled tests: `unit` those that start no server, `servers` all others.
set -euo pipefail
cd "$(dirname "$0")/../../dist"

# What starts a process: these modules, or a test's own spawn of our command line.
starts='/(local|prove|e2e|testing|simulator|examples)/|/(kafka|postgres|engine-process|system)\.js|tollgate\.mjs|/usr/sbin/nginx|systemd-analyze'
pick() {
  find . -name '*.test.js' | sort | while read -r file; do
    if [[ $file =~ ^\./ops/(e2e|prove|fakes|examples|deploy/(nginx|systemd))/ ]] || grep -qE "from '[^']*($starts)" "$file"; then
      [ "$1" = servers ] && echo "dist/${file#./}"
    else
      [ "$1" = unit ] && echo "dist/${file#./}"
    fi
  done
  true
}
case "${1:-}" in
  unit | servers) pick "$1" ;;
  *) echo "usage: list-tests.sh unit|servers" >&2; exit 2 ;;
esac

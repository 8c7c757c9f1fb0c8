#!/usr/bin/env bash
# nginx looks names up when it reads its configuration. A replaced shard keeps its name and has a
# new address: then nginx reads it again. The hash is made of the name, so no id moves.
set -euo pipefail
config="${1:-/etc/tollgate-nginx/edge.conf}"
known="${2:-/run/tollgate-edge/addresses}"
pid="${3:-/var/lib/tollgate-nginx/edge.pid}"

now=$(grep -oE 'shard-[0-9]+\.tollgate\.internal' "$config" | sort -u | while read -r name; do
  printf '%s %s\n' "$name" "$(getent ahostsv4 "$name" | awk '{print $1; exit}')"
done)
[ -e "$known" ] && [ "$now" = "$(cat "$known")" ] && exit 0
# A configuration that nginx cannot use leaves the former one in force.
kill -HUP "$(cat "$pid")"
printf '%s\n' "$now" >"$known"

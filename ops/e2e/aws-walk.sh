#!/usr/bin/env bash
# aws-walk.sh WORK ROLE [NUMBER]: the script of one AWS host, run as it stands in a mount and network
# namespace of its own, over a copy-on-write view of this machine. Stand-ins answer for AWS, systemd
# and the volume. Then the host's units are started as their users, with the release read-only.
# WORK has release.tar.gz, user-data, secret.json and the certificates of pki/.
set -euo pipefail
work=$1 role=$2 number=${3:-}

if [ "${WALK_INNER:-}" != yes ]; then
  exec env WALK_INNER=yes unshare --mount --net --kill-child --fork --pid --mount-proc "$0" "$@"
fi

mkdir "$work/layers"
mount -t tmpfs none "$work/layers"
for folder in etc opt var usr/local; do
  mkdir -p "$work/layers/$folder/upper" "$work/layers/$folder/work"
  mount -t overlay none -o "lowerdir=/$folder,upperdir=$work/layers/$folder/upper,workdir=$work/layers/$folder/work" "/$folder"
done
mount -t tmpfs none /run
rm -rf /opt/tollgate /etc/tollgate /etc/tollgate-nginx /var/lib/tollgate
ip link set lo up
ip address add 10.64.4.1/32 dev lo
printf '10.64.4.1 shard-0.tollgate.internal shard-1.tollgate.internal\n' >>/etc/hosts

stubs=$work/layers/stubs
mkdir "$stubs"
stand_in() { printf '#!/bin/bash\n%s\n' "$2" >"$stubs/$1" && chmod +x "$stubs/$1"; }
stand_in aws 'case "$1 $2" in
  "s3 cp") cp "'"$work"'/release.tar.gz" "${@: -1}" ;;
  "secretsmanager get-secret-value") cat "'"$work"'/secret.json" ;;
  "ec2 attach-volume" | "route53 change-resource-record-sets") ;;
  *) echo "aws: not expected: $*" >&2; exit 1 ;;
esac'
stand_in curl 'case "$*" in
  */api/token) echo token ;;
  */placement/region) echo eu-central-1 ;;
  */instance-id) echo i-1 ;;
  */local-ipv4) echo 10.64.4.1 ;;
  *) echo "curl: not expected: $*" >&2; exit 1 ;;
esac'
stand_in hostname 'echo 10.64.4.1'
stand_in systemctl 'echo "$*" >>"'"$work"'/systemctl"'
stand_in blkid :
stand_in mount :
stand_in shutdown 'echo shutdown >&2; exit 1'
stand_in sleep 'exec /bin/sleep 0.1'
mkdir -p /dev/disk/by-id
touch '/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol1'

PATH="$stubs:$PATH" bash "$work/user-data"
mount --bind /opt/tollgate /opt/tollgate
mount -o remount,bind,ro /opt/tollgate
unit=/etc/systemd/system

# as USER GROUPS RIGHTS COMMAND…: the user, groups and only rights that the unit gives.
as() {
  local user=$1 groups=$2 rights=$3
  shift 3
  setpriv --reuid "$user" --regid "$user" --groups "$groups" --no-new-privs \
    --bounding-set "-all$rights" --inh-caps "-all$rights" --ambient-caps "-all$rights" "$@"
}
start_nginx() {
  install -d -m 0700 -o tollgate-nginx -g tollgate-nginx /var/lib/tollgate-nginx /var/log/tollgate
  local args=(-p /var/lib/tollgate-nginx -c "/etc/tollgate-nginx/$1.conf")
  as tollgate-nginx tollgate-nginx,tollgate ,+net_bind_service /usr/sbin/nginx -t -q "${args[@]}"
  as tollgate-nginx tollgate-nginx,tollgate ,+net_bind_service /usr/sbin/nginx "${args[@]}" &
}
# start_node UNIT NUMBER: ExecStart, Environment= and EnvironmentFile= of the unit, credentials as files.
start_node() {
  local file="$unit/tollgate-$1@.service" lines=()
  local credentials=/run/credentials
  install -d -m 0700 -o tollgate -g tollgate "$credentials" /run/tollgate
  chmod 0750 /run/tollgate
  while IFS=: read -r name path; do
    install -m 0600 -o tollgate -g tollgate "$path" "$credentials/$name"
  done < <(sed -n 's/^LoadCredential=//p' "$file")
  for state in $(sed -n 's/^StateDirectory=//p' "$file"); do
    install -d -m 0700 -o tollgate -g tollgate "/var/lib/${state//%i/$2}"
  done
  mapfile -t lines < <(sed -n 's/^Environment=//p' "$file" | sed "s|%i|$2|g; s|%d|$credentials|g")
  for path in $(sed -n 's/^EnvironmentFile=-\?//p' "$file"); do
    [ ! -e "$path" ] || mapfile -t -O "${#lines[@]}" lines <"$path"
  done
  (cd /opt/tollgate && umask 077 && as tollgate tollgate '' env -i "${lines[@]}" \
    $(sed -n 's/^ExecStart=//p' "$file") >"$work/log" 2>&1) &
}
wait_for() {
  for _ in {1..150}; do
    if "$@" >/dev/null 2>&1; then return 0; fi
    /bin/sleep 0.2
  done
  echo "walk: never: $*" >&2
  tail -5 "$work/log" >&2
  return 1
}
answer() { /usr/bin/curl -sS -o /dev/null -w '%{http_code}\n' "$@"; }

case "$role" in
  edge)
    start_nginx edge
    wait_for bash -c '</dev/tcp/127.0.0.1/443'
    ps -o euser:32= -C nginx | sort -u
    ;;
  shard)
    start_node engine "$number"
    wait_for /usr/bin/curl -fsS http://127.0.0.1:8081/readyz
    start_nginx "shard-$number"
    wait_for bash -c '</dev/tcp/10.64.4.1/9443'
    ps -o euser:32= -C nginx | sort -u
    answer --cacert "$work/pki/ca.pem" --cert "$work/pki/edge-client.pem" \
      --connect-to "engine-host.tollgate.internal:9443:10.64.4.1:9443" \
      https://engine-host.tollgate.internal:9443/payments/order-1
    answer http://127.0.0.1:8081/config
    token=$(jq -r .viewer "/var/lib/tollgate/shard-$number/admin-tokens.json")
    /usr/bin/curl -fsS -H "Authorization: Bearer $token" http://127.0.0.1:8081/config |
      jq -r '"\(.shards) \(.replication)"'
    ;;
  processor)
    start_node processor 1
    wait_for /usr/bin/curl -fsS http://127.0.0.1:8082/healthz
    ;;
esac
echo walked

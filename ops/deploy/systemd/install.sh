#!/usr/bin/env bash
# install.sh ROLE [NUMBER]: makes this host an edge, a shard, a processor or the one that reconciles.
# Expects the release below /opt/tollgate and the role's secrets below /etc/tollgate.
set -euo pipefail
role="${1:?edge, shard, processor or reconcile}"
number="${2:-1}"
here=$(cd "$(dirname "$0")" && pwd)

make_user() {
  id "$1" >/dev/null 2>&1 || useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin "$1"
}
make_user tollgate
chmod 0700 /etc/tollgate
find /etc/tollgate -type f -exec chmod 0600 {} +
install -m 0644 "$here"/*.service "$here"/*.timer /etc/systemd/system/

# For people: `tollgate` with the Node of the release.
printf '#!/bin/sh\nPATH="/opt/tollgate/.cache/node/bin:$PATH" exec /opt/tollgate/ops/cli/tollgate.mjs "$@"\n' >/usr/local/bin/tollgate
chmod 0755 /usr/local/bin/tollgate

# configure_nginx FILE…: edge.conf or shard-N.conf, by `tollgate nginx` from the topology, and copies
# of the certificates and keys that it needs. nginx can read nothing else of /etc/tollgate. To renew
# a key run install.sh again. Debian's own nginx service is not used.
configure_nginx() {
  command -v logrotate >/dev/null || [ -x /usr/sbin/logrotate ] || {
    echo "install.sh: logrotate is missing: apt-get install logrotate" >&2
    exit 1
  }
  make_user tollgate-nginx
  install -d -m 0700 -o tollgate-nginx -g tollgate-nginx /etc/tollgate-nginx
  for file in "$@"; do
    install -m 0600 -o tollgate-nginx -g tollgate-nginx "/etc/tollgate/$file" /etc/tollgate-nginx/
  done
  PATH="/opt/tollgate/.cache/node/bin:$PATH" /opt/tollgate/ops/cli/tollgate.mjs nginx \
    --topology /etc/tollgate/topology.json --out /etc/tollgate-nginx
  chown -R tollgate-nginx:tollgate-nginx /etc/tollgate-nginx
  find /etc/tollgate-nginx -type f -exec chmod 0600 {} +
  systemctl disable --now nginx.service
}

case "$role" in
  edge)
    configure_nginx ca.pem public.pem edge-client.pem origin-pull-ca.pem
    units=(tollgate-nginx@edge.service tollgate-edge-names.timer tollgate-logs.timer)
    ;;
  shard)
    install -d -m 0711 -o tollgate -g tollgate /var/lib/tollgate
    install -d -m 0700 -o tollgate -g tollgate "/var/lib/tollgate/shard-$number" /var/lib/tollgate/marks
    # The merchants' API keys; copied again, they are in force within two seconds.
    install -m 0600 -o tollgate -g tollgate /etc/tollgate/keys.json /var/lib/tollgate/keys.json
    address=$(hostname -I | awk '{print $1}')
    here_now=$(jq --argjson n "$number" --arg a "$address" \
      '(.shards[] | select(.number == $n)).address = $a' /etc/tollgate/topology.json)
    printf '%s\n' "$here_now" >/etc/tollgate/topology.json
    threads=$(jq --argjson n "$number" '.shards[] | select(.number == $n) | .gatewayThreads' /etc/tollgate/topology.json)
    echo "TOLLGATE_GATEWAY_THREADS=$threads" >/etc/tollgate/topology.env
    configure_nginx ca.pem engine-host.pem
    units=("tollgate-engine@$number.service" "tollgate-nginx@shard-$number.service" tollgate-logs.timer)
    ;;
  processor) units=("tollgate-processor@$number.service") ;;
  reconcile) units=(tollgate-reconcile-daily.timer tollgate-reconcile-monthly.timer) ;;
  *)
    echo "install.sh: there is no role $role" >&2
    exit 2
    ;;
esac
# Where something collects them: ops/deploy/aws.
[ ! -e /etc/tollgate/metrics.yaml ] || units+=(tollgate-metrics.service)
systemctl daemon-reload
systemctl enable --now "${units[@]}"

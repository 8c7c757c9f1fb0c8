#!/usr/bin/env bash
# install.sh ROLE [NUMBER]: makes this host an edge, a shard, a processor or the one that reconciles.
# Expects the release below /opt/tollgate and the role's secrets below /etc/tollgate.
set -euo pipefail
role="${1:?edge, shard, processor or reconcile}"
number="${2:-1}"
here=$(cd "$(dirname "$0")" && pwd)

id tollgate >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin tollgate
chmod 0700 /etc/tollgate
find /etc/tollgate -type f -exec chmod 0600 {} +
install -m 0644 "$here"/*.service "$here"/*.timer /etc/systemd/system/

# edge.conf or shard-N.conf, written by `tollgate nginx` from the topology among the secrets.
configure_nginx() {
  PATH="/opt/tollgate/.cache/node/bin:$PATH" /opt/tollgate/ops/cli/tollgate.mjs nginx --topology /etc/tollgate/topology.json --out /etc/tollgate/nginx
  install -m 0644 "/etc/tollgate/nginx/$1" /etc/nginx/nginx.conf
  nginx -t -q
  systemctl enable nginx.service
  systemctl restart nginx.service
}

case "$role" in
  edge)
    configure_nginx edge.conf
    units=(tollgate-edge-names.timer)
    ;;
  shard)
    install -d -m 0700 -o tollgate -g tollgate "/var/lib/tollgate/shard-$number" /var/lib/tollgate/marks
    configure_nginx "shard-$number.conf"
    units=("tollgate-engine@$number.service")
    ;;
  processor) units=("tollgate-processor@$number.service") ;;
  reconcile) units=(tollgate-reconcile-daily.timer tollgate-reconcile-monthly.timer) ;;
  *)
    echo "install.sh: there is no role $role" >&2
    exit 2
    ;;
esac
systemctl daemon-reload
systemctl enable --now "${units[@]}"

#!/usr/bin/env bash
# image.sh: run once as root on a Debian 12 instance that has a way to the package mirrors, of which
# a machine image is then made. Hosts of the deployment have no such way: what they need is here.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends \
  awscli ca-certificates curl jq libssl3 logrotate nginx prometheus unattended-upgrades xfsprogs zlib1g
# Debian's own services: ours are tollgate-nginx@ and tollgate-metrics.
systemctl disable --now nginx.service prometheus.service
region=${AWS_REGION:?the region, such as eu-central-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
address="https://s3.$region.amazonaws.com/amazon-ssm-$region/latest/debian_amd64/amazon-ssm-agent.deb"
curl -fsSo "$work/agent.deb" "$address"
dpkg -i "$work/agent.deb" >/dev/null
systemctl enable amazon-ssm-agent.service
# Nothing of this instance is for the hosts.
cloud-init clean --logs --machine-id
rm -f /etc/ssh/ssh_host_* /root/.bash_history

/**
 * What a host does when it starts: fetch the release and check its digest, lay out its
 * certificate, key and environment as files of root, then have `ops/deploy/systemd/install.sh` make
 * its units. Nothing secret stands in the script.
 */
import type { Topology } from '../topology/topology.js';
import type { Release } from './release.js';

export interface HostScript {
  readonly role: string;
  readonly number?: number;
  readonly release: Release;
  readonly topology?: Topology;
  readonly secretArn: string;
  readonly steps?: readonly string[];
  /** Lines that configure the agent of metrics. */
  readonly agent: readonly string[];
  /** Of the whole deployment, as the processes' environment has them. */
  readonly environment: Readonly<Record<string, string>>;
}

export function hostScript(script: HostScript): string {
  return [
    '#!/bin/bash',
    'set -euo pipefail',
    // A host that cannot become what it should be goes, so that the group makes another.
    "trap 'sleep 60; shutdown -h now' ERR",
    ...HELPERS,
    ...(script.steps ?? []),
    'work=$(mktemp -d)',
    `aws s3 cp --no-progress 's3://${script.release.bucket}/${script.release.key}' "$work/release.tar.gz"`,
    `echo '${script.release.sha256}' "$work/release.tar.gz" | sha256sum --check --status`,
    'mkdir -p /opt/tollgate',
    'tar -xzf "$work/release.tar.gz" -C /opt/tollgate --no-same-owner',
    'rm -r "$work"',
    // {"file name": "contents"}: keys, certificates, environment files.
    'install -d -m 0700 /etc/tollgate',
    'umask 077',
    `aws secretsmanager get-secret-value --secret-id '${script.secretArn}' --query SecretString --output text |`,
    `  jq -r 'to_entries[] | "\\(.key)\\t\\(.value | @base64)"' |`,
    "  while IFS=$'\\t' read -r name value; do",
    '    [[ "$name" =~ ^[a-z0-9.-]+$ ]] && base64 -d <<<"$value" >"/etc/tollgate/$name"',
    '  done',
    'umask 022',
    ...Object.entries(script.environment).map(
      ([name, value]) => `echo '${name}=${value}' >>/etc/tollgate/deployment.env`,
    ),
    ...script.agent,
    ...(script.topology ? topologyFile(script.topology) : []),
    `/opt/tollgate/ops/deploy/systemd/install.sh ${script.role}${script.number === undefined ? '' : ` ${script.number}`}`,
    '',
  ].join('\n');
}

function topologyFile(topology: Topology): string[] {
  return ["cat >/etc/tollgate/topology.json <<'JSON'", JSON.stringify(topology), 'JSON'];
}

const ATTACH_SECONDS_MAX = 900;

/** The metadata service, version 2. */
const HELPERS = [
  'metadata() {',
  '  local token',
  "  token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)",
  '  curl -fsS -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"',
  '}',
  'export AWS_DEFAULT_REGION=$(metadata placement/region)',
];

/**
 * The shard's own volume: waited for, because the instance before may still be giving it up;
 * attached; formatted only when it is blank; mounted where the engine's unit expects it.
 */
export function attachVolume(volumeId: string, shard: number): string[] {
  const folder = `/var/lib/tollgate/shard-${shard}`;
  return [
    `volume='${volumeId}'`,
    'instance=$(metadata instance-id)',
    'until aws ec2 attach-volume --volume-id "$volume" --instance-id "$instance" --device /dev/sdf >/dev/null; do',
    `  ((SECONDS < ${ATTACH_SECONDS_MAX})) || false`,
    '  sleep 5',
    'done',
    'device="/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$(tr -d - <<<"$volume")"',
    `until [ -e "$device" ]; do ((SECONDS < ${ATTACH_SECONDS_MAX})) || false; sleep 1; done`,
    'blkid "$device" >/dev/null || mkfs.xfs -q "$device"',
    `install -d -m 0700 ${folder}`,
    `echo "$device ${folder} xfs noatime,nofail 0 2" >>/etc/fstab`,
    `mount ${folder}`,
  ];
}

/** The shard's name follows its instance; the name, not the address, is what the edge hashes. */
export function takeName(zoneId: string, name: string): string[] {
  return [
    'address=$(metadata local-ipv4)',
    `aws route53 change-resource-record-sets --hosted-zone-id '${zoneId}' --change-batch "$(jq -nc --arg ip "$address" '`,
    `  {Changes: [{Action: "UPSERT", ResourceRecordSet: {Name: "${name}", Type: "A", TTL: 5, ResourceRecords: [{Value: $ip}]}}]}')"`,
  ];
}

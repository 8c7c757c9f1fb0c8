/**
 * The topology of the deployment, from which `tollgate nginx` writes what the edge and the
 * hosts of shards run. A shard's host puts its own address in; the edge goes by names.
 */
import { cloudflareRanges } from '../cloudflare.js';
import { checkTopology, type Limits, type Topology } from '../topology/topology.js';
import { HTTPS_PORT, SHARD_PORT } from './network-rules.js';
import type { DeploymentSettings } from './settings.js';

export const ENGINE_ADMIN_PORT = 8081;
const LIMITS: Limits = {
  perKey: 2_000,
  perAddress: 10_000,
  connectionsPerAddress: 2_000,
  workerConnections: 32_768,
  bodyKib: 16,
  webhookBodyKib: 256,
  headerSeconds: 5,
  bodySeconds: 5,
  connectMs: 200,
  answerSeconds: 40,
};

/** @param balancers networks in which the load balancer's own addresses are */
export function deploymentTopology(
  settings: DeploymentSettings,
  balancers: readonly string[],
): Topology {
  const { ipv4, ipv6 } = cloudflareRanges();
  return checkTopology({
    epochs: settings.epochs,
    shards: settings.shards.map((number) => ({
      number,
      address: `192.0.2.${number + 1}`,
      gatewayThreads: settings.gatewayThreads,
      adminPort: ENGINE_ADMIN_PORT,
    })),
    shardPort: SHARD_PORT,
    processors: [],
    edge: {
      address: '0.0.0.0',
      port: HTTPS_PORT,
      certificate: '/etc/tollgate-nginx/public.pem',
      realIpFrom: [...ipv4, ...ipv6],
      proxyProtocolFrom: balancers,
      originPullCa: '/etc/tollgate-nginx/origin-pull-ca.pem',
    },
    limits: LIMITS,
    providers: settings.providers,
    workers: 'auto',
    paths: { pki: '/etc/tollgate-nginx', sockets: '/run/tollgate', logs: '/var/log/tollgate' },
  });
}

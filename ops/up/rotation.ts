/**
 * The running cluster takes renewed certificates: every server loads its own without a stop.
 * Engines and processors show theirs at the next connection they make; the old one holds until
 * it runs out.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterEndpoints } from './endpoints.js';
import { reloadKafkaCertificate } from './kafka.js';
import { reloadPostgresCertificate } from './postgres-tls.js';

/** @returns undefined when no cluster runs in this home */
export function runningCluster(home: string): ClusterEndpoints | undefined {
  try {
    const endpoints = JSON.parse(readFileSync(join(home, 'endpoints.json'), 'utf8'));
    return 'pki' in endpoints ? endpoints : undefined;
  } catch {
    return undefined;
  }
}

export async function loadCertificates({
  pids,
  pki,
  kafka,
  postgres,
  dataDir,
}: ClusterEndpoints): Promise<void> {
  // The hosts, and the edge on its way to them, look at their files at every handshake.
  if (pids.edge) process.kill(pids.edge, 'SIGHUP');
  if (pids.kafka) await reloadKafkaCertificate(Number(kafka.split(':').at(-1)), pki);
  if (pids.postgres)
    await reloadPostgresCertificate(join(dataDir, 'postgres'), Number(new URL(postgres).port), pki);
}

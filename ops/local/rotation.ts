/**
 * The running cluster takes renewed certificates: every server loads its own without a stop,
 * engines make new clients by themselves. Processors, whom no client waits for, are started
 * again one after the other: the others take the work meanwhile.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../engine/util/errors.js';
import type { Role } from '../deploy/pki/roles.js';
import type { ClusterEndpoints } from './endpoints.js';
import { reloadKafkaCertificate } from './kafka.js';
import { reloadPostgresCertificate } from './postgres-tls.js';

const RESTART_MS_MAX = 60_000;

/** @returns undefined when no cluster runs in this home */
export function runningCluster(home: string): ClusterEndpoints | undefined {
  try {
    const endpoints = JSON.parse(readFileSync(join(home, 'endpoints.json'), 'utf8'));
    return 'pki' in endpoints ? endpoints : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Only what shows a renewed certificate takes it. Engines and the hosts' nginx look at their files
 * by themselves, the edge at its own as a client too.
 */
export async function loadCertificates(
  home: string,
  cluster: ClusterEndpoints,
  roles: readonly Role[],
): Promise<void> {
  const { pids, pki, kafka, postgres, dataDir } = cluster;
  const is = (role: Role): boolean => roles.includes(role);
  if (pids.edge && is('edge')) process.kill(pids.edge, 'SIGHUP');
  if (pids.kafka && is('kafka')) await reloadKafkaCertificate(Number(kafka.split(':').at(-1)), pki);
  if (pids.postgres && is('postgres'))
    await reloadPostgresCertificate(join(dataDir, 'postgres'), Number(new URL(postgres).port), pki);
  if (!is('processor')) return;
  for (const index of pids.processor.keys()) await restartProcessor(home, index);
}

/** In order; its supervisor starts it again. Rejects with EngineError `start_failed`. */
async function restartProcessor(home: string, index: number): Promise<void> {
  const pid = runningCluster(home)?.pids.processor[index];
  if (pid === undefined) return;
  process.kill(pid, 'SIGTERM');
  const giveUpAt = Date.now() + RESTART_MS_MAX;
  while (Date.now() < giveUpAt) {
    await sleep(100);
    const cluster = runningCluster(home);
    const isNew = cluster !== undefined && cluster.pids.processor[index] !== pid;
    if (isNew && (await isReady(cluster.processorAdmin[index] ?? ''))) return;
  }
  throw new EngineError('start_failed', `processor ${index} is not back: see ${home}/logs.`);
}

async function isReady(admin: string): Promise<boolean> {
  const signal = AbortSignal.timeout(2_000);
  const answer = await fetch(`${admin}/readyz`, { signal }).catch(() => undefined);
  return answer?.ok === true;
}

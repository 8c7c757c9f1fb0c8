/** One shard dies under load: its own clients wait, the other's notice nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ShardRing } from '../../../engine/shards/shard-ring.js';
import { currentShards, shardServer } from '../../deploy/topology/topology.js';
import { type LoadResult, runLoad } from '../../load/load.js';
import { auditBooks } from '../../testing/audit.js';
import { VISA } from '../../testing/checkout-client.js';
import { ClusterSystem } from '../../testing/cluster-system.js';
import { edgeRequest } from '../../testing/edge-client.js';
import type { Proof, Stage } from '../../testing/proof.js';

const MERCHANT = 'alpha';
const RATE = 100;
/** What the edge waits for a shard that does not answer. */
const REFUSED_SECONDS_MAX = 1;
const VICTIM = 0;

export const killShard: Proof = {
  name: 'kill-shard',
  shows:
    'kill -9 of one shard under load: 503 with Retry-After at once for its ids, no error for the other’s; afterwards all of its ids read back',
  async run(stage: Stage) {
    const system = await ClusterSystem.start({ TOLLGATE_MARK_INTERVAL_MS: '100' });
    try {
      const ids = idsByShard(system, RATE * stage.size(6, 40));
      const loading = Promise.all(ids.map((own) => pay(system, own)));
      for (let i = 0; i < stage.size(1, 5); i++) {
        await sleep(2_000);
        await killOnce(stage, system, ids);
      }
      const results = await loading;
      refusedAtOnce(stage, system);
      judge(stage, results, ids);
      const accepted = results
        .flatMap((result) => result.accepted)
        .map((id) => ({ merchant: MERCHANT, id }));
      await auditBooks(stage, system.books, accepted, { allowRepeats: true });
    } finally {
      await system.stop();
    }
  },
};

/** Ids of the first shard, of the second, in the same number. */
function idsByShard(system: ClusterSystem, count: number): string[][] {
  const { topology } = system;
  const shards = currentShards(topology);
  const ring = new ShardRing(shards.map((shard) => shardServer(topology, shard.number)));
  const ids: string[][] = shards.map(() => []);
  for (let n = 0; ids.some((id) => id.length < count); n++)
    ids[ring.ownerOf(`k-${n}`)]!.push(`k-${n}`);
  return ids.map((id) => id.slice(0, count));
}

function pay(system: ClusterSystem, ids: readonly string[]): Promise<LoadResult> {
  return runLoad({
    api: system.endpoints.api,
    ca: system.ca,
    headers: system.headersOf(MERCHANT),
    count: ids.length,
    ratePerSecond: RATE,
    idOf: (n) => ids[n]!,
    body: VISA,
    settleMsMax: 120_000,
  });
}

async function killOnce(
  stage: Stage,
  system: ClusterSystem,
  ids: readonly (readonly string[])[],
): Promise<void> {
  const restarting = system.killEngineAndWait(VICTIM);
  const since = Date.now();
  const refused = await ask(system, ids[VICTIM]![0]!);
  const refusedMs = Date.now() - since;
  const others = await Promise.all(ids[1 - VICTIM]!.slice(0, 20).map((id) => ask(system, id)));
  const restartMs = await restarting;
  stage.figure(
    'killed: its ids answer / the other’s / ready again',
    `${refused.status} in ${refusedMs} ms / ${others[0]?.status} / after ${restartMs} ms`,
  );
  stage.must(refused.status === 503, `an id of the dead shard is answered ${refused.status}`);
  stage.must(refused.headers['retry-after'] !== undefined, 'the 503 has no Retry-After');
  stage.must(
    refused.headers['content-type'] === 'application/problem+json',
    'the 503 is no problem document',
  );
  const errors = others.filter((other) => other.status !== 200);
  stage.must(errors.length === 0, `an id of the other shard is answered ${errors[0]?.status}`);
}

/** By the edge's own clock: the client that measures shares two cores with everything else. */
function refusedAtOnce(stage: Stage, system: ClusterSystem): void {
  const log = readFileSync(join(system.topology.paths.logs, 'edge.access.log'), 'utf8');
  const lines = log.trim().split('\n');
  const refused = lines
    .map((line) => JSON.parse(line) as Record<'status' | 'upstream' | 'upstream_seconds', string>)
    .filter((entry) => entry.status === '503');
  const waited = refused.map((entry) => Number(entry.upstream_seconds)).sort((a, b) => a - b);
  const longest = waited.at(-1) ?? Number.NaN;
  const usual = waited[Math.floor(waited.length / 2)] ?? Number.NaN;
  for (const { address } of currentShards(system.topology)) {
    const own = refused.filter((entry) => entry.upstream.startsWith(`${address}:`));
    stage.figure(`503s of the edge for ${address}`, own.length);
  }
  stage.figure(
    '503s of the edge / it waited usually / longest',
    `${waited.length} / ${usual} s / ${longest} s`,
  );
  // The longest may have been in work when the shard died.
  stage.must(usual <= REFUSED_SECONDS_MAX, `the edge waits ${usual} s for a dead shard`);
}

function ask(system: ClusterSystem, id: string) {
  const { edgePort, ca } = system;
  const headers = system.headersOf(MERCHANT);
  return edgeRequest({ port: edgePort, ca, path: `/payments/${id}`, headers });
}

function judge(
  stage: Stage,
  results: readonly LoadResult[],
  ids: readonly (readonly string[])[],
): void {
  for (const [shard, result] of results.entries()) {
    const succeeded = [...result.statuses.values()].filter(
      (status) => status === 'succeeded',
    ).length;
    stage.figure(
      `shard ${shard}: accepted / succeeded / tries repeated`,
      `${result.accepted.length} / ${succeeded} / ${result.retries}`,
    );
    stage.must(succeeded === ids[shard]!.length, `shard ${shard}: not all succeeded`);
  }
  stage.must(results[VICTIM]!.retries > 0, 'the killed shard was not missed by anybody');
  stage.must(results[1 - VICTIM]!.retries === 0, 'a client of the other shard saw an error');
}

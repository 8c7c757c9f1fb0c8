/** Two shards become three under load: what has moved answers as if nothing had happened. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Pool } from 'undici';
import { childEnvironment } from '../../../engine/config/config.js';
import { ShardRing } from '../../../engine/shards/shard-ring.js';
import { packageFile } from '../../../engine/util/paths.js';
import { shardServer } from '../../deploy/topology/topology.js';
import { type LoadResult, runLoad } from '../../load/load.js';
import { auditOutcomes } from '../../testing/audit.js';
import { readMetric } from '../../testing/books.js';
import { VISA } from '../../testing/checkout-client.js';
import { ClusterSystem } from '../../testing/cluster-system.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { until } from '../../testing/system.js';

const MERCHANT = 'alpha';
const RATE_BEFORE = 500;
const RATE_DURING = 100;
const READERS = 16;

export const grow: Proof = {
  name: 'grow',
  shows:
    'two to three shards under load: GET, replay and other-body answers of 10 000 moved ids are exactly as before',
  async run(stage: Stage) {
    const system = await ClusterSystem.start();
    try {
      const count = stage.size(400, 31_000);
      const bodies = new Map<string, string>();
      const before = await pay(system, 'before', count, RATE_BEFORE, bodies);
      stage.must(before.accepted.length === count, 'not all were accepted before');
      const moved = movedIds(system, before.accepted);
      const reads = new Map(await each(system, moved, (client, id) => client.get(id)));

      const during = pay(system, 'during', stage.size(600, 3_000), RATE_DURING, new Map());
      const since = Date.now();
      await addShard(stage, system);
      stage.figure('grown while it serves in', `${((Date.now() - since) / 1_000).toFixed(1)} s`);
      const result = await during;
      stage.figure(
        'posts meanwhile / tries repeated',
        `${result.accepted.length} / ${result.retries}`,
      );

      await asBefore(stage, system, moved, reads, bodies);
      const accepted = [...before.accepted, ...result.accepted];
      stage.must(result.refused.size === 0, `refused: ${[...result.refused]}`);
      const names = accepted.map((id) => ({ merchant: MERCHANT, id }));
      await untilPublished(system);
      await auditOutcomes(stage, system.books, names);
      const admin = system.endpoints.admin[2]!;
      const reader = await readMetric(admin, 'gateway_reads_total');
      const imported = await readMetric(admin, 'moves_imported_total');
      stage.figure('the new shard: rows imported / reads', `${imported} / ${reader}`);
      stage.must(reader >= moved.length, 'the new shard does not answer what has moved');
    } finally {
      await system.stop();
    }
  },
};

interface Client {
  get(id: string): Promise<string>;
  post(id: string, body: object): Promise<{ status: number; body: string; isReplay: boolean }>;
}

/** What has moved is the same to every client, in every way of asking. */
async function asBefore(
  stage: Stage,
  system: ClusterSystem,
  moved: readonly string[],
  reads: ReadonlyMap<string, string>,
  bodies: ReadonlyMap<string, string>,
): Promise<void> {
  const wrong = { read: 0, replay: 0, other: 0 };
  await each(system, moved, async (client, id) => {
    if ((await client.get(id)) !== reads.get(id)) wrong.read++;
    const again = await client.post(id, VISA);
    if (again.body !== bodies.get(id) || !again.isReplay) wrong.replay++;
    if ((await client.post(id, { ...VISA, amount: 1 })).status !== 422) wrong.other++;
  });
  stage.figure('moved ids', moved.length);
  stage.figure('other answers: GET / replay / other body', Object.values(wrong).join(' / '));
  stage.must(moved.length > 0, 'nothing has moved');
  stage.must(wrong.read + wrong.replay + wrong.other === 0, 'an answer is not what it was');
}

function movedIds(system: ClusterSystem, ids: readonly string[]): string[] {
  const ring = new ShardRing([0, 1, 2].map((value) => shardServer(system.topology, value)));
  return ids.filter((id) => ring.ownerOf(id) === 2);
}

async function addShard(stage: Stage, system: ClusterSystem): Promise<void> {
  const child = spawn(
    process.execPath,
    [packageFile('ops/cli/tollgate.mjs'), 'shard', 'add', '--number', '2'],
    {
      env: childEnvironment(system.environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (entry) => (output += entry));
  const [code] = (await once(child, 'exit')) as [number | null];
  stage.must(code === 0, `shard add failed: ${output}`);
  stage.figure('shard add', output.trim().split('\n').at(-1) ?? '');
}

/** Statuses of moved payments are published once more, to their new shard. */
async function untilPublished(system: ClusterSystem): Promise<void> {
  await until('every status is published', 60_000, async () => {
    const rows = await Promise.all(
      system.endpoints.processorAdmin.map((text) => readMetric(text, 'processor_in_flight')),
    );
    return rows.every((row) => row === 0);
  });
}

async function each<T>(
  system: ClusterSystem,
  ids: readonly string[],
  work: (client: Client, id: string) => Promise<T>,
): Promise<[string, T][]> {
  const pool = new Pool(system.endpoints.api, { connections: READERS, connect: { ca: system.ca } });
  const headers = system.headersOf(MERCHANT);
  const client: Client = {
    async get(id) {
      const { body } = await pool.request({ method: 'GET', path: `/payments/${id}`, headers });
      return await body.text();
    },
    async post(id, entry) {
      const answer = await pool.request({
        method: 'POST',
        path: '/payments',
        headers: { ...headers, 'content-type': 'application/json', 'x-payment-checkout-id': id },
        body: JSON.stringify(entry),
      });
      const isReplay = answer.headers['idempotent-replayed'] === 'true';
      return { status: answer.statusCode, body: await answer.body.text(), isReplay };
    },
  };
  const results: [string, T][] = [];
  const queue = ids.values();
  const reader = async (): Promise<void> => {
    // The edge's old workers close the connections that they have: a client asks again.
    for (const id of queue)
      results.push([id, await work(client, id).catch(() => work(client, id))]);
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  await pool.destroy();
  return results;
}

function pay(
  system: ClusterSystem,
  prefix: string,
  count: number,
  ratePerSecond: number,
  bodies: Map<string, string>,
): Promise<LoadResult> {
  return runLoad({
    api: system.endpoints.api,
    ca: system.ca,
    headers: system.headersOf(MERCHANT),
    count,
    ratePerSecond,
    idOf: (n) => `${prefix}-${n}`,
    body: VISA,
    settleMsMax: 120_000,
    onAccepted: (id, body) => bodies.set(id, body),
  });
}

/**
 * The components of the system on this machine, each with one request that proves that it works.
 * What runs is read from `endpoints.json`; without it the settings say where each should be.
 */
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineConfig, kafkaTls, type StackConfig } from '../../engine/config/config.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { topicIdentities } from '../../engine/kafka/topic-identity.js';
import { ShardRing } from '../../engine/shards/shard-ring.js';
import { connect } from '../../workers/postgres/pool.js';
import { ApiClient } from '../client/api-client.js';
import { messageOf } from '../client/client-errors.js';
import { EDGE_NAME, shardFileName } from '../deploy/nginx/files.js';
import { clientTls } from '../deploy/pki/authority.js';
import { currentShards, readTopology, shardServer } from '../deploy/topology/topology.js';
import { logFile } from '../local/components.js';
import type { ClusterEndpoints, Endpoints } from '../local/endpoints.js';

/** A part that has not answered by then is not well. */
const ANSWER_MS_MAX = 4_000;
const MIB = 1 << 20;

export interface Finding {
  readonly what: string;
  /** undefined: well. */
  readonly problem: string | undefined;
}

export interface Part {
  readonly name: string;
  /** Where it is one of our processes on this machine. */
  readonly pid?: number | undefined;
  readonly log?: string;
  /** Resolves with what is wrong, or undefined; rejects when there is no answer. */
  readonly check: () => Promise<string | undefined>;
}

export function partsOf(stack: StackConfig, endpoints: Endpoints | ClusterEndpoints): Part[] {
  const cluster = 'pki' in endpoints ? endpoints : undefined;
  const { pids } = endpoints;
  const brokers = stack.externalKafka || endpoints.kafka;
  const tls = cluster && !stack.externalKafka ? clientTls(cluster.pki, 'admin') : kafkaTls();
  const database = stack.externalDatabase || endpoints.postgres;
  const log = (name: string): string => logFile(stack, name);
  const ours = (name: string, pid: number | undefined) => ({ name, pid, log: log(name) });
  return [
    {
      ...(stack.externalKafka ? { name: 'kafka' } : ours('kafka', pids.kafka)),
      check: () => kafka(brokers, tls),
    },
    {
      ...(stack.externalDatabase ? { name: 'postgres' } : ours('postgres', pids.postgres)),
      check: () => postgres(database),
    },
    {
      ...ours('simulator', pids.simulator),
      check: () => answers(`${endpoints.simulator}/ledger/summary`),
    },
    ...numbered('engine', endpoints.admin, pids.engine).map(({ name, url, pid }) => ({
      ...ours(name, pid),
      check: () => engine(url),
    })),
    ...numbered('processor', endpoints.processorAdmin, pids.processor).map(
      ({ name, url, pid }) => ({ ...ours(name, pid), check: () => answers(`${url}/readyz`) }),
    ),
    ...(cluster
      ? edgeParts(stack, cluster)
      : [{ name: `API ${endpoints.api}`, check: () => api(endpoints.api) }]),
    { name: `disk of ${endpoints.dataDir}`, check: () => disk(endpoints.dataDir) },
  ];
}

/** Never rejects; takes at most ANSWER_MS_MAX and a little. */
export async function examine(part: Part): Promise<Finding> {
  const late = sleep(ANSWER_MS_MAX, undefined, { ref: false }).then(() => {
    throw new Error(`no answer within ${ANSWER_MS_MAX / 1_000} s`);
  });
  const checked = Promise.race([part.check(), late]);
  const problem = await checked.catch((error: Error) => messageOf(error));
  const where = [part.pid && `pid ${part.pid}`, part.log && `log ${part.log}`].filter(
    (text) => text,
  );
  const what = where.length === 0 ? part.name : `${part.name} (${where.join(', ')})`;
  // A process that is stopped is found here also where another one answers for it.
  const problems = [problem, processProblem(part.pid)].filter((name) => name !== undefined);
  return { what, problem: problems.length === 0 ? undefined : problems.join('; ') };
}

/** One of `make run`, or several of the cluster. */
function numbered(
  name: string,
  urls: string | readonly string[],
  pids: number | readonly number[] | undefined,
): { name: string; url: string; pid: number | undefined }[] {
  if (typeof urls === 'string')
    return [{ name, url: urls, pid: typeof pids === 'number' ? pids : undefined }];
  const list = Array.isArray(pids) ? (pids as number[]) : [];
  return urls.map((url, i) => ({ name: `${name}-${i}`, url, pid: list[i] }));
}

/** A real metadata request: the broker answers, and the topics are there. */
async function kafka(
  brokers: string,
  tls: ReturnType<typeof kafkaTls>,
): Promise<string | undefined> {
  const names = [TOPICS.accepted, TOPICS.status];
  const topics = await topicIdentities(brokers, names, tls);
  const missing = names.filter((name) => !topics.has(name));
  return missing.length === 0 ? undefined : `${brokers} has no topic ${missing.join(', ')}`;
}

/** Takes writes, and how many versions wait to be published. */
async function postgres(url: string): Promise<string | undefined> {
  const client = await connect(url, {
    ...{ connectionTimeoutMillis: ANSWER_MS_MAX, query_timeout: ANSWER_MS_MAX },
    session: { statement_timeout: ANSWER_MS_MAX - 1_000 },
  });
  try {
    await client.query('update payments set version = version where false');
    const { rows } = await client.query<{ late: number }>(
      `select count(*)::int as late from payments where version > published_version
       and updated_at < now() - interval '1 minute'`,
    );
    const late = rows[0]?.late ?? 0;
    return late === 0
      ? undefined
      : `${late} statuses wait for over a minute: is a processor ready?`;
  } finally {
    void client.end().catch(() => {});
  }
}

async function answers(url: string): Promise<string | undefined> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  const text = await response.text();
  return response.ok ? undefined : `${url} says ${text}`;
}

/** /readyz, and what the engine itself knows of Kafka: without it checkouts are still accepted. */
async function engine(admin: string): Promise<string | undefined> {
  const notReady = await answers(`${admin}/readyz`);
  if (notReady !== undefined) return notReady;
  const response = await fetch(`${admin}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  const page = await response.text();
  const lost = ['cdc_connected', 'status_connected'].filter((name) => page.includes(`${name} 0\n`));
  return lost.length === 0 ? undefined : `has lost Kafka (${lost.join(' and ')} is 0)`;
}

/** The edge, and for each shard the nginx beside it: an id of each shard is read through both. */
function edgeParts(stack: StackConfig, cluster: ClusterEndpoints): Part[] {
  const topology = readTopology(cluster.topology);
  const shards = currentShards(topology).map((shard) => shard.number);
  const ring = new ShardRing(shards.map((number) => shardServer(topology, number)));
  const log = (name: string): string => logFile(stack, `${name}.nginx`);
  const { edge, engineHost } = cluster.pids;
  const idOf = (shard: number): string => {
    for (let n = 0; ; n++) if (ring.ownerOf(`doctor-${n}`) === shard) return `doctor-${n}`;
  };
  const host = (number: number, i: number): Part => ({
    name: `host-${number} behind ${cluster.api}`,
    pid: engineHost[topology.shards.findIndex((shard) => shard.number === number)],
    log: log(shardFileName(number)),
    check: () => api(cluster.api, cluster, idOf(i)),
  });
  const front = { name: `edge ${cluster.api}`, pid: edge, log: log(EDGE_NAME) };
  return [
    { ...front, check: () => api(cluster.api, cluster) },
    ...shards.map((number, i) => host(number, i)),
  ];
}

/** A read of an id that nobody uses goes through a gateway thread to the store. */
async function api(
  url: string,
  cluster?: ClusterEndpoints,
  id = `doctor-${Date.now()}`,
): Promise<string | undefined> {
  const key = cluster ? Object.values(cluster.keys)[0] : undefined;
  const client = new ApiClient({
    url,
    ...(cluster ? { ca: readFileSync(cluster.ca, 'utf8') } : {}),
    ...(key === undefined ? {} : { key }),
  });
  const { status, body } = await client.get(id);
  return status < 500 ? undefined : `a GET is answered ${status}: ${body}`;
}

async function disk(dir: string): Promise<string | undefined> {
  const { bavail, bsize } = await statfs(dir);
  const freeMb = Math.floor((bavail * bsize) / MIB);
  const { diskFreeMinMb } = engineConfig();
  return freeMb >= diskFreeMinMb
    ? undefined
    : `${freeMb} MiB free, checkouts are refused below ${diskFreeMinMb}`;
}

function processProblem(pid: number | undefined): string | undefined {
  if (pid === undefined) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const state = stat.slice(stat.lastIndexOf(')') + 2)[0];
    return state === 'T' ? `process ${pid} is stopped: kill -CONT ${pid} lets it go on` : undefined;
  } catch {
    return `process ${pid} does not run`;
  }
}

/**
 * The books of everybody compared: the provider's ledger, Postgres, the engine's statuses,
 * Kafka. Says how many payments there are of each kind; the caller's promises decide.
 */
import pg from 'pg';
import { Pool } from 'undici';
import { checkoutAccepted, paymentStatus } from '../../engine/codec/records.js';
import { ORIGIN_HEADER, parseOrigin, TOPICS } from '../../engine/core/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { imbalance } from './books.js';
import type { Stage } from './proof.js';
import type { LocalSystem } from './system.js';

const READERS = 32;

export interface AuditOptions {
  /** A processor that was killed may publish a version twice; nothing may be missing. */
  readonly allowRepeats?: boolean;
}

/** Every accepted id: captured once, the same everywhere, and come from the write-ahead log. */
export async function auditAll(
  stage: Stage,
  system: LocalSystem,
  accepted: readonly string[],
  options: AuditOptions = {},
): Promise<void> {
  const captured = await capturedCharges(system);
  const missing = accepted.filter((id) => captured.get(id) === undefined);
  const twice = [...captured].filter(([, n]) => n > 1).map(([id]) => id);
  stage.figure(
    'accepted / captured / not captured / twice',
    [accepted.length, captured.size, missing.length, twice.length].join(' / '),
  );
  stage.must(missing.length === 0, `not charged, e.g. ${missing[0]}`);
  stage.must(twice.length === 0, `charged twice, e.g. ${twice[0]}`);
  await auditPostgres(stage, system, accepted.length);
  await auditStatuses(stage, system, accepted);
  await auditTopics(stage, system, new Set(accepted), options);
  const letters = (await (await fetch(`${system.endpoints.processorAdmin}/dlq`)).json()) as {
    dead_letters: object[];
  };
  stage.must(letters.dead_letters.length === 0, 'the dead-letter topic is not empty');
}

/** Captured charges by checkout id. */
export async function capturedCharges(system: LocalSystem): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page = await (await fetch(`${system.endpoints.simulator}/ledger?after=${after}`)).json();
    const { charges, next } = page as {
      charges: { checkout_id: string; status: string }[];
      next?: number;
    };
    for (const { checkout_id, status } of charges)
      if (status === 'captured') counts.set(checkout_id, (counts.get(checkout_id) ?? 0) + 1);
    after = next;
  }
  return counts;
}

export async function query<Row extends pg.QueryResultRow>(
  system: LocalSystem,
  sql: string,
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: system.endpoints.postgres });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function auditPostgres(stage: Stage, system: LocalSystem, count: number): Promise<void> {
  const [row] = await query<Record<'paid' | 'open' | 'gaps', string>>(
    system,
    `select
      (select count(*) from payments where status = 'succeeded' and published_version = version) as paid,
      (select count(*) from payments where status not in ('succeeded', 'failed', 'canceled')
        or published_version < version) as open,
      (select count(*) from (select 1 from payment_events group by merchant, checkout_id
        having count(*) <> max(version)) g) as gaps`,
  );
  const off = await imbalance(system.endpoints.postgres);
  stage.figure('Postgres: paid / open / gaps', Object.values(row!).join(' / '));
  stage.figure('ledger, currencies that are not zero', off.length);
  stage.must(Number(row!.paid) === count, `Postgres has ${row!.paid} paid, not ${count}`);
  stage.must(Number(row!.open) === 0, `${row!.open} payments are open in Postgres`);
  stage.must(Number(row!.gaps) === 0, 'payment_events has gaps');
  stage.must(off.length === 0, `the ledger does not sum to zero: ${off}`);
}

async function auditStatuses(
  stage: Stage,
  system: LocalSystem,
  accepted: readonly string[],
): Promise<void> {
  const pool = new Pool(system.endpoints.api, { connections: READERS });
  const wrong: string[] = [];
  const queue = accepted.values();
  const reader = async (): Promise<void> => {
    for (const id of queue) {
      const { body } = await pool.request({ method: 'GET', path: `/payments/${id}` });
      if (((await body.json()) as { status: string }).status !== 'succeeded') wrong.push(id);
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  await pool.destroy();
  stage.must(wrong.length === 0, `${wrong.length} do not read succeeded, e.g. ${wrong[0]}`);
}

async function auditTopics(
  stage: Stage,
  system: LocalSystem,
  accepted: ReadonlySet<string>,
  options: AuditOptions,
): Promise<void> {
  const { kafka } = system.endpoints;
  const fromWal = new Set<string>();
  const everything = { partitions: system.partitions };
  await readTopic(kafka, TOPICS.accepted, everything, (message) => {
    const origin = parseOrigin(String(message.headers?.[0]?.[ORIGIN_HEADER]));
    if (origin?.source === 'wal') fromWal.add(checkoutAccepted.decode(message.value!).checkout_id);
  });
  const strange = [...accepted].filter((id) => !fromWal.has(id));
  stage.must(strange.length === 0, `${strange.length} did not come from the write-ahead log`);
  const rescans = await system.metric('admin', 'cdc_rescans_total');
  stage.figure('from the write-ahead log / rescans', `${fromWal.size} / ${rescans}`);
  stage.must(rescans === 0, 'cdc_rescans_total is not 0');
  const disorder = await statusDisorder(kafka, options.allowRepeats ?? false);
  stage.must(disorder === undefined, `payments.status: ${disorder}`);
}

/** @returns the first record whose version does not follow the last of its payment */
export async function statusDisorder(
  brokers: string,
  allowRepeats: boolean,
): Promise<string | undefined> {
  const versions = new Map<string, number>();
  let problem: string | undefined;
  await readTopic(brokers, TOPICS.status, { partitions: 1 }, (message) => {
    const { checkout_id, version } = paymentStatus.decode(message.value!);
    const last = versions.get(checkout_id) ?? 0;
    if (version > last) versions.set(checkout_id, version);
    if (version === last + 1 || (allowRepeats && version <= last)) return;
    problem ??= `${checkout_id} has version ${version} after ${last}`;
  });
  return problem;
}

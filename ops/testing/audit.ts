/**
 * The books of everybody compared: the provider's ledger, Postgres, the engines' statuses,
 * Kafka. Says how many payments there are of each kind; the caller's promises decide.
 */

import { checkoutAccepted, paymentStatus } from '../../engine/codec/records.js';
import type { KafkaTls } from '../../engine/config/config.js';
import { DEFAULT_MERCHANT } from '../../engine/domain/payment.js';
import { ORIGIN_HEADER, parseOrigin, TOPICS } from '../../engine/domain/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { adminHeaders } from '../client/admin-headers.js';
import {
  type Books,
  capturedByPayment,
  imbalance,
  nameOf,
  type PaymentName,
  query,
  readMetric,
} from './books.js';
import type { Stage } from './proof.js';
import { leftBehind } from './read-back.js';
import type { LocalSystem } from './system.js';

export { query } from './books.js';

export interface AuditOptions {
  /** A processor that was killed may publish a version twice; nothing may be missing. */
  readonly allowRepeats?: boolean;
}

/** Of a system without keys: every accepted id. */
export function auditAll(
  stage: Stage,
  system: LocalSystem,
  accepted: readonly string[],
  options: AuditOptions = {},
): Promise<AuditResult> {
  const payments = accepted.map((id) => ({ merchant: DEFAULT_MERCHANT, id }));
  return auditBooks(stage, system.books, payments, options);
}

export interface AuditResult {
  /** The shard that accepted each payment, by `merchant/id`. */
  readonly shards: ReadonlyMap<string, number>;
}

/** Every accepted payment: captured once, the same everywhere, come from the write-ahead log. */
export async function auditBooks(
  stage: Stage,
  books: Books,
  accepted: readonly PaymentName[],
  options: AuditOptions = {},
): Promise<AuditResult> {
  await auditOutcomes(stage, books, accepted);
  const shards = await auditTopics(stage, books, new Set(accepted.map(nameOf)), options);
  const headers = adminHeaders(books.adminTokenFile, 'viewer');
  for (const admin of books.processorAdmins) {
    const letters = (await (await fetch(`${admin}/dlq`, { headers })).json()) as {
      dead_letters: object[];
    };
    stage.must(letters.dead_letters.length === 0, 'the dead-letter topic is not empty');
  }
  return { shards };
}

/** Every accepted payment: captured once, paid in Postgres, and read so through the API. */
export async function auditOutcomes(
  stage: Stage,
  books: Books,
  accepted: readonly PaymentName[],
): Promise<void> {
  const captured = await capturedByPayment(books.simulator);
  const missing = accepted.filter((paymentName) => captured.get(nameOf(paymentName)) === undefined);
  const twice = [...captured].filter(([, n]) => n > 1).map(([name]) => name);
  stage.figure(
    'accepted / captured / not captured / twice',
    [accepted.length, captured.size, missing.length, twice.length].join(' / '),
  );
  stage.must(missing.length === 0, `not charged, e.g. ${missing[0]?.id}`);
  stage.must(twice.length === 0, `charged twice, e.g. ${twice[0]}`);
  await auditPostgres(stage, books, accepted.length);
  await auditConflicts(stage, books, 0);
  const behind = await leftBehind(books, accepted);
  stage.must(behind.length === 0, `${behind.length} do not read succeeded, e.g. ${behind[0]}`);
}

/** Captured charges by checkout id, of a system without keys. */
export async function capturedCharges(system: LocalSystem): Promise<Map<string, number>> {
  const counts = await capturedByPayment(system.endpoints.simulator);
  return new Map([...counts].map(([name, n]) => [name.slice(DEFAULT_MERCHANT.length + 1), n]));
}

async function auditPostgres(stage: Stage, books: Books, count: number): Promise<void> {
  const [row] = await query<Record<'paid' | 'open' | 'gaps', string>>(
    { endpoints: books },
    `select
      (select count(*) from payments where status = 'succeeded' and published_version = version) as paid,
      (select count(*) from payments where status not in ('succeeded', 'failed', 'canceled')
        or published_version < version) as open,
      (select count(*) from (select 1 from payment_events group by merchant, checkout_id
        having count(*) <> max(version)) g) as gaps`,
  );
  const off = await imbalance(books.postgres);
  stage.figure('Postgres: paid / open / gaps', Object.values(row!).join(' / '));
  stage.figure('ledger, currencies that are not zero', off.length);
  stage.must(Number(row!.paid) === count, `Postgres has ${row!.paid} paid, not ${count}`);
  stage.must(Number(row!.open) === 0, `${row!.open} payments are open in Postgres`);
  stage.must(Number(row!.gaps) === 0, 'payment_events has gaps');
  stage.must(off.length === 0, `the ledger does not sum to zero: ${off}`);
}

/** An id that an engine accepted twice with different meanings is a fault, however well it ended. */
export async function auditConflicts(stage: Stage, books: Books, count: number): Promise<void> {
  const [row] = await query<{ conflicts: string }>(
    { endpoints: books },
    'select count(*) as conflicts from checkout_conflicts',
  );
  stage.must(Number(row!.conflicts) === count, `${row!.conflicts} conflicts, not ${count}`);
}

/** @returns the shard that each payment's accepted record names */
async function auditTopics(
  stage: Stage,
  books: Books,
  accepted: ReadonlySet<string>,
  options: AuditOptions,
): Promise<Map<string, number>> {
  const fromWal = new Map<string, number>();
  const everything = { partitions: books.partitions, ...tlsOf(books.kafkaTls) };
  await readTopic(books.kafka, TOPICS.accepted, everything, (message) => {
    const origin = parseOrigin(String(message.headers?.[0]?.[ORIGIN_HEADER]));
    const record = checkoutAccepted.decode(message.value!);
    const name = nameOf({ merchant: record.merchant, id: record.checkout_id });
    if (origin?.source === 'wal') fromWal.set(name, record.shard);
  });
  const strange = [...accepted].filter((name) => !fromWal.has(name));
  stage.must(strange.length === 0, `${strange.length} did not come from the write-ahead log`);
  const rescans = await Promise.all(
    books.admins.map((admin) => readMetric(admin, 'cdc_rescans_total')),
  );
  stage.figure('from the write-ahead log / rescans', `${fromWal.size} / ${rescans.join(' ')}`);
  stage.must(
    rescans.every((rescan) => rescan === 0),
    'cdc_rescans_total is not 0',
  );
  const { shards, kafkaTls } = books;
  const disorder = await statusDisorder(books.kafka, options.allowRepeats ?? false, {
    shards,
    shardOf: (name) => fromWal.get(name),
    ...tlsOf(kafkaTls),
  });
  stage.must(disorder === undefined, `payments.status: ${disorder}`);
  return fromWal;
}

export interface StatusTopic {
  /** One partition each. */
  readonly shards: number;
  /** Where a payment's statuses belong, if that is known. */
  readonly shardOf?: (name: string) => number | undefined;
  readonly tls?: KafkaTls;
}

/**
 * @returns the first record whose version does not follow the last of its payment, or that is
 *   in another shard's partition
 */
export async function statusDisorder(
  brokers: string,
  allowRepeats: boolean,
  { shards, shardOf, tls }: StatusTopic = { shards: 1 },
): Promise<string | undefined> {
  const versions = new Map<string, number>();
  let problem: string | undefined;
  const options = { partitions: shards, ...tlsOf(tls) };
  await readTopic(brokers, TOPICS.status, options, (message) => {
    const record = paymentStatus.decode(message.value!);
    const { merchant, checkout_id, version } = record;
    const name = nameOf({ merchant, id: checkout_id });
    const shard = shardOf?.(name) ?? message.partition;
    if (shard !== message.partition)
      problem ??= `${name} of shard ${shard} is in partition ${message.partition}`;
    // A late checkout of the same id has versions of its own.
    const checkout = `${name} ${record.fingerprint?.toString('hex')}`;
    const last = versions.get(checkout) ?? 0;
    if (version > last) versions.set(checkout, version);
    if (version === last + 1 || (allowRepeats && version <= last)) return;
    problem ??= `${name} has version ${version} after ${last}`;
  });
  return problem;
}

function tlsOf(tls: KafkaTls | undefined): { tls?: KafkaTls } {
  return tls === undefined ? {} : { tls };
}

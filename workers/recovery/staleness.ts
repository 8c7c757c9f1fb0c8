/**
 * Whether Postgres is older than Kafka proves. The outbox publishes only what is committed, so a
 * version in `payments.status` that Postgres does not have was lost: a restored copy, or an empty
 * database. Then the rows do not say what was sent to providers, and none may be called.
 *
 * The newest records of each partition are compared. The outbox publishes in the order of changes,
 * so what was committed last before a loss stands among them.
 */
import type pg from 'pg';
import { type PaymentStatus, paymentStatus, tryDecode } from '../../engine/codec/records.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { topicIdentities } from '../../engine/kafka/topic-identity.js';

const TAIL_MAX = 5_000;
const ROWS_MAX = 1_000;

/** The first payment that proves it. */
export interface Proof {
  readonly key: string;
  /** Published, by `payments.status`. */
  readonly version: number;
  /** In Postgres; null: it has no such payment. */
  readonly stored: number | null;
}

const COMPARE = `
select i.merchant || '/' || i.checkout_id as key, i.version, p.version as stored
from json_to_recordset($1) as i(merchant text, checkout_id text, fingerprint text, version int)
left join payments p on p.merchant = i.merchant and p.checkout_id = i.checkout_id
left join checkout_conflicts c on c.merchant = i.merchant and c.checkout_id = i.checkout_id
  and c.fingerprint = decode(i.fingerprint, 'hex')
where c.merchant is null and (p.merchant is null or p.version < i.version
  or (length(p.fingerprint) = 32 and p.fingerprint <> decode(i.fingerprint, 'hex')))
limit 1`;

/** Rejects when Kafka or Postgres is away. @returns undefined when nothing proves it */
export async function provesOlder(brokers: string, pool: pg.Pool): Promise<Proof | undefined> {
  const topic = (await topicIdentities(brokers, [TOPICS.status])).get(TOPICS.status);
  if (!topic) return undefined;
  const replayed = await replayedOffsets(pool, topic.id);
  const newest = new Map<string, PaymentStatus>();
  await readTopic(brokers, TOPICS.status, { newestMax: TAIL_MAX }, (message) => {
    if (!message.value || message.offset < (replayed.get(message.partition) ?? 0)) return;
    const status = tryDecode(paymentStatus, message.value);
    if (status) keepNewest(newest, status);
  });
  const rows = [...newest.values()].map(rowOf).filter(isStorable);
  for (let i = 0; i < rows.length; i += ROWS_MAX) {
    const values = [JSON.stringify(rows.slice(i, i + ROWS_MAX))];
    const [proof] = (await pool.query<Proof>(COMPARE, values)).rows;
    if (proof) return proof;
  }
  return undefined;
}

/** No text of Postgres holds U+0000, so no row of it can be compared. */
function isStorable(row: object): boolean {
  return !JSON.stringify(row).includes('\\u0000');
}

/** Of each checkout the greatest version. */
export function keepNewest(newest: Map<string, PaymentStatus>, status: PaymentStatus): void {
  const { merchant, checkout_id, fingerprint, version } = status;
  const name = `${merchant}/${checkout_id} ${fingerprint?.toString('hex')}`;
  if ((newest.get(name)?.version ?? 0) < version) newest.set(name, status);
}

function rowOf({ merchant, checkout_id, fingerprint, version }: PaymentStatus) {
  return { merchant, checkout_id, fingerprint: fingerprint?.toString('hex') ?? null, version };
}

async function replayedOffsets(pool: pg.Pool, topicId: string): Promise<Map<number, number>> {
  const { rows } = await pool.query<{ partition: number; next_offset: number }>(
    'select partition, next_offset from status_replays where topic_id = $1',
    [topicId],
  );
  return new Map(rows.map((row) => [row.partition, row.next_offset]));
}

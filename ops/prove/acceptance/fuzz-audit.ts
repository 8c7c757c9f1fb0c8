/**
 * What must hold when the last input is handled: Kafka's records decode and say what was sent, the
 * processor has handled all of them, and every payment ended as its provider's ledger says.
 */
import rdkafka, { type KafkaConsumer } from 'node-rdkafka';
import { checkoutAccepted } from '../../../engine/codec/records.js';
import { TOPICS } from '../../../engine/domain/topics.js';
import { clientSettings } from '../../../engine/kafka/client.js';
import { readTopic } from '../../../engine/kafka/read-topic.js';
import { query } from '../../testing/books.js';
import type { Stage } from '../../testing/proof.js';
import { allCharges } from '../../testing/simulator-client.js';
import { type LocalSystem, until } from '../../testing/system.js';
import { type Meaning, sorted } from './fuzz-meaning.js';

const GROUP = 'tollgate-processors';
const CALL_MS_MAX = 5_000;
const CLOSE_MS_MAX = 2_000;

/** Every accepted payment's record, with the text that no GET shows. */
export async function auditRecords(
  stage: Stage,
  system: LocalSystem,
  accepted: ReadonlyMap<string, Meaning>,
): Promise<void> {
  const wrong: string[] = [];
  const found = new Set<string>();
  const { partitions } = system;
  await readTopic(system.endpoints.kafka, TOPICS.accepted, { partitions }, ({ key, value }) => {
    try {
      const record = checkoutAccepted.decode(value!);
      found.add(record.checkout_id);
      const expected = accepted.get(record.checkout_id);
      if (
        expected &&
        textOf(record.description, Object.entries(record.metadata)) !==
          textOf(expected.description, expected.metadata)
      )
        wrong.push(`${record.checkout_id}: other text than was sent`);
    } catch (error) {
      wrong.push(`${key}: ${(error as Error).message}`);
    }
  });
  const missing = [...accepted.keys()].filter((id) => !found.has(id));
  stage.figure(
    'accepted records / damaged / missing',
    `${found.size} / ${wrong.length} / ${missing.length}`,
  );
  stage.must(wrong.length === 0, `records of payments.accepted: ${wrong[0]}`);
  stage.must(missing.length === 0, `not in payments.accepted: ${missing[0]}`);
}

function textOf(
  description: string | null,
  metadata: readonly (readonly [string, string])[],
): string {
  return JSON.stringify([description, sorted(metadata)]);
}

/** Waits until the processors' committed offsets are the topics' ends. */
export async function lagIsDrained(system: LocalSystem, msMax: number): Promise<void> {
  const settings = { ...clientSettings(system.endpoints.kafka, 'fuzz-lag'), 'group.id': GROUP };
  const consumer = new rdkafka.KafkaConsumer({ ...settings, 'enable.auto.commit': false }, {});
  await new Promise<void>((resolve, reject) =>
    consumer.connect({ timeout: CALL_MS_MAX }, (error) => (error ? reject(error) : resolve())),
  );
  try {
    // A client that has just connected may not know the group's coordinator yet.
    const isDrained = (): Promise<boolean> =>
      lagOf(consumer, system.partitions).then(
        (lag) => lag === 0,
        () => false,
      );
    await until('the processor has handled every record', msMax, isDrained);
  } finally {
    await Promise.race([
      new Promise<void>((resolve) => consumer.disconnect(() => resolve())),
      new Promise((resolve) => setTimeout(resolve, CLOSE_MS_MAX).unref()),
    ]);
  }
}

async function lagOf(consumer: KafkaConsumer, partitions: number): Promise<number> {
  const all = [TOPICS.accepted, TOPICS.webhooks].flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  );
  const committed = await new Promise<{ topic: string; partition: number; offset?: number }[]>(
    (resolve, reject) =>
      consumer.committed(all, CALL_MS_MAX, (error, found) =>
        error ? reject(error) : resolve(found as { topic: string; partition: number }[]),
      ),
  );
  const lags = committed.map(async ({ topic, partition, offset }) => {
    const end = await new Promise<number>((resolve, reject) =>
      consumer.queryWatermarkOffsets(topic, partition, CALL_MS_MAX, (error, { highOffset }) =>
        error ? reject(error) : resolve(highOffset),
      ),
    );
    return Math.max(0, end - (offset ?? 0));
  });
  return (await Promise.all(lags)).reduce((sum, lag) => sum + lag, 0);
}

/** Payments of requests, whose webhooks nobody made up: as the provider's ledger has them. */
export async function auditStatuses(stage: Stage, system: LocalSystem): Promise<void> {
  const charges = await allCharges(system);
  const rows = await query<{ checkout_id: string; status: string }>(
    system,
    `select checkout_id, status from payments
     where provider = 'simulator' and merchant = 'default' and checkout_id not like 'target-%'`,
  );
  const wrong = rows.filter(({ checkout_id, status }) => {
    const [charge, ...more] = charges.get(checkout_id) ?? [];
    const expected = charge === 'captured' ? 'succeeded' : 'failed';
    return more.length > 0 || status !== expected;
  });
  stage.figure(
    'payments at the provider / other than its ledger',
    `${rows.length} / ${wrong.length}`,
  );
  stage.must(wrong.length === 0, `not as the provider's ledger: ${JSON.stringify(wrong[0])}`);
}

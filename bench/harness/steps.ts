/** The steps of payments that were followed, from the times that Kafka and Postgres recorded. */
import { TOPICS } from '../../engine/domain/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { query } from '../../ops/testing/audit.js';
import type { LocalSystem } from '../../ops/testing/system.js';
import { median, type Step } from './result.js';
import type { Followed } from './whole-path.js';

/** @returns medians, in milliseconds since each payment was due */
export async function readSteps(
  system: LocalSystem,
  followed: readonly Followed[],
): Promise<Step[]> {
  const produced = await times(system, TOPICS.accepted, system.partitions);
  const published = await times(system, TOPICS.status, 1);
  const rows = await query<{ id: string; intent: number; outcome: number }>(
    system,
    `select checkout_id as id, extract(epoch from created_at)::float8 * 1000 as intent,
       extract(epoch from updated_at)::float8 * 1000 as outcome from payments`,
  );
  const stored = new Map(rows.map((row) => [row.id, row]));
  const at = (name: (entry: Followed) => number | undefined): number =>
    median(
      followed.flatMap((entry) => (name(entry) === undefined ? [] : [name(entry)! - entry.dueAt])),
    );
  const marks = {
    accepted: median(followed.map((entry) => entry.acceptedMs)),
    produced: at((entry) => produced.get(entry.id)),
    intent: at((entry) => stored.get(entry.id)?.intent),
    outcome: at((entry) => stored.get(entry.id)?.outcome),
    published: at((entry) => published.get(entry.id)),
    readable: median(followed.map((entry) => entry.readableMs)),
  };
  return [
    { name: 'POST to durable 202', from: 0, to: marks.accepted },
    { name: 'log to Kafka (appended)', from: 0, to: marks.produced },
    { name: 'Kafka to processor, intent begins', from: marks.produced, to: marks.intent },
    { name: 'intent committed, provider answers', from: marks.intent, to: marks.outcome },
    { name: 'outcome committed, outbox to Kafka', from: marks.outcome, to: marks.published },
    { name: 'status stored, long poll answered', from: marks.published, to: marks.readable },
  ];
}

/** When Kafka appended each id's newest record. */
async function times(
  system: LocalSystem,
  topic: string,
  partitions: number,
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  await readTopic(system.endpoints.kafka, topic, { partitions }, (message) => {
    const id = String(message.key).split('/')[1]!;
    found.set(id, message.timestamp ?? 0);
  });
  return found;
}

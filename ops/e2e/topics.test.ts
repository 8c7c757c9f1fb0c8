import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import rdkafka from 'node-rdkafka';
import { stackConfig } from '../../engine/config/config.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { clientSettings } from '../../engine/kafka/client.js';
import { topicIdentities } from '../../engine/kafka/topic-identity.js';
import { createTopics, retryTopicSpecs, topicSpecs } from '../../engine/kafka/topics-admin.js';
import { type LocalKafka, startKafka } from '../local/kafka.js';
import { eventually, freePorts } from '../testing/engine-process.js';

const KEYED = [TOPICS.accepted, TOPICS.webhooks, 'payments.retry.5s'];

describe('topics in a real Kafka', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-topics-'));
  const shape = { partitions: 3, shards: 1, retryDelays: [{ name: '5s' }] };
  let kafka: LocalKafka;
  let brokers: string;

  const create = (of: typeof shape): Promise<void> =>
    createTopics(brokers, [...topicSpecs(of), ...retryTopicSpecs(of)], 1);
  /** A broker learns of what the controller did a little later. */
  const haveCounts = (expected: readonly number[]): Promise<void> =>
    eventually(`the counts are ${expected}`, 10_000, async () => {
      const names = [...KEYED, TOPICS.status];
      const found = await topicIdentities(brokers, names);
      return `${names.map((name) => found.get(name)?.partitions)}` === `${expected}`;
    });

  before(async () => {
    const [port, controllerPort] = (await freePorts(2)) as [number, number];
    const jars = join(stackConfig().cacheDir, 'kafka');
    kafka = await startKafka({ jars, dir: join(dir, 'kafka'), port, controllerPort });
    brokers = `127.0.0.1:${port}`;
    await create(shape);
  });

  after(async () => {
    await kafka.stop('SIGTERM', 5_000);
    rmSync(dir, { recursive: true });
  });

  it('should all grow to a setting that was raised', async () => {
    await haveCounts([3, 3, 3, 1]);
    await create({ ...shape, partitions: 5, shards: 2 });
    await haveCounts([5, 5, 5, 2]);
  });

  it('should keep keyed topics equal when an operator has grown one of them', async () => {
    await admin((client, done) => client.createPartitions(TOPICS.accepted, 7, 5_000, done));
    await create(shape);
    await haveCounts([7, 7, 7, 2]);
  });

  it('should have another id once made anew', async () => {
    const idOf = async (): Promise<string | undefined> =>
      (await topicIdentities(brokers, [TOPICS.status])).get(TOPICS.status)?.id;
    const first = await idOf();
    assert.match(`${first}`, /^[0-9a-f]{32}$/);
    assert.equal(await idOf(), first);
    await admin((client, done) => client.deleteTopic(TOPICS.status, 5_000, done));
    await eventually('it is gone', 10_000, async () => (await idOf()) === undefined);
    await create(shape);
    assert.notEqual(await idOf(), first);
  });

  type Call = (
    client: rdkafka.IAdminClient,
    done: (error?: { message: string } | null) => void,
  ) => void;

  async function admin(call: Call): Promise<void> {
    const client = rdkafka.AdminClient.create(clientSettings(brokers, 'test'));
    try {
      await new Promise<void>((resolve, reject) =>
        call(client, (error) => (error ? reject(new Error(error.message)) : resolve())),
      );
    } finally {
      client.disconnect();
    }
  }
});

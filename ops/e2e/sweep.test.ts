import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import rdkafka from 'node-rdkafka';
import { stackConfig } from '../../engine/config/config.js';
import { ORIGIN_HEADER, PROCESSOR_GROUP, parseOrigin, TOPICS } from '../../engine/domain/topics.js';
import { clientSettings } from '../../engine/kafka/client.js';
import { groupProgress } from '../../engine/kafka/group-progress.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { startKafka } from '../local/kafka.js';
import { post } from '../testing/checkout-client.js';
import { eventually, freePorts, sleep, startEngineProcess } from '../testing/engine-process.js';

it('should publish again what the processors finished long ago and has no status, with backoff', {
  timeout: 120_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-sweep-'));
  const [port, controllerPort] = (await freePorts(2)) as [number, number];
  const jars = join(stackConfig().cacheDir, 'kafka');
  const kafka = await startKafka({ jars, dir: join(dir, 'kafka'), port, controllerPort });
  const engine = await startEngineProcess({
    TOLLGATE_DATA_DIR: join(dir, 'shard'),
    TOLLGATE_KAFKA_BROKERS: `127.0.0.1:${port}`,
    TOLLGATE_PARTITIONS: '2',
    TOLLGATE_SWEEP_AFTER_MS: '1000',
  });
  try {
    for (let n = 0; n < 5; n++) assert.equal((await post(engine.api, `lost-${n}`)).status, 202);
    // No processor has finished them: its lag explains the missing statuses.
    await sleep(4_000);
    assert.equal(await engine.metric('cdc_swept_total'), 0);
    const finishing = finishAll(`127.0.0.1:${port}`);
    await eventually(
      'all are swept',
      20_000,
      async () => (await engine.metric('cdc_swept_total')) >= 5,
    );
    const sources = new Map<string, number>();
    await readTopic(`127.0.0.1:${port}`, TOPICS.accepted, { partitions: 2 }, (message) => {
      const source = parseOrigin(String(message.headers?.[0]?.[ORIGIN_HEADER]))?.source ?? 'none';
      sources.set(source, (sources.get(source) ?? 0) + 1);
    });
    await finishing.stop();
    assert.equal(sources.get('wal'), 5);
    // After 1, 2, 4 s and so on, never at every look.
    const swept = sources.get('sweep') ?? 0;
    assert.ok(swept >= 5 && swept <= 25, `${swept} were swept`);
    assert.match(engine.output(), /default\/lost-0.*published again/);
  } finally {
    await engine.stop();
    await kafka.stop('SIGTERM', 5_000);
    rmSync(dir, { recursive: true });
  }
});

/** Commits the ends of payments.accepted again and again, as processors do that finish all. */
function finishAll(brokers: string): { stop(): Promise<void> } {
  let isStopped = false;
  const consumer = new rdkafka.KafkaConsumer(
    { ...clientSettings(brokers, 'test'), 'group.id': PROCESSOR_GROUP },
    {},
  );
  const run = async (): Promise<void> => {
    await new Promise<void>((resolve, reject) =>
      consumer.connect({}, (error) => (error ? reject(error) : resolve())),
    );
    while (!isStopped) {
      const { ends } = await groupProgress(brokers, PROCESSOR_GROUP, TOPICS.accepted);
      for (const [partition, offset] of ends)
        consumer.commitSync({ topic: TOPICS.accepted, partition, offset });
      await sleep(200);
    }
    await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  };
  const running = run();
  return {
    async stop() {
      isStopped = true;
      await running;
    },
  };
}

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { stackConfig } from '../../engine/core/config.js';
import { ORIGIN_HEADER, parseOrigin, TOPICS } from '../../engine/core/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { startKafka } from '../up/kafka.js';
import { post } from './checkout-client.js';
import { eventually, freePorts, startEngineProcess } from './engine-process.js';

it('should publish again what has no status for long, and say so', {
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
    assert.equal(await engine.metric('cdc_swept_total'), 0);
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
    assert.equal(sources.get('wal'), 5);
    assert.ok((sources.get('sweep') ?? 0) >= 5);
    assert.match(engine.output(), /default\/lost-0.*published again/);
  } finally {
    await engine.stop();
    await kafka.stop('SIGTERM', 5_000);
    rmSync(dir, { recursive: true });
  }
});

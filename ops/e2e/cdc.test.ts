import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Message } from 'node-rdkafka';
import { checkoutAccepted, webhookReceived } from '../../engine/codec/records.js';
import { stackConfig } from '../../engine/config/config.js';
import { ORIGIN_HEADER, parseOrigin, TOPICS } from '../../engine/domain/topics.js';
import { readTopic } from '../../engine/kafka/read-topic.js';
import { type LocalKafka, startKafka } from '../local/kafka.js';
import { post } from '../testing/checkout-client.js';
import {
  type EngineProcess,
  eventually,
  freePorts,
  startEngineProcess,
} from '../testing/engine-process.js';
import { movedClock } from '../testing/moved-clock.js';
import { callBack, eventOf } from '../testing/webhook-client.js';

const PARTITIONS = 8;
const DAY_MS = 86_400_000;
const SECRET = 'whsec_of_this_test_only';

describe('publishing from the write-ahead log', { timeout: 180_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-cdc-'));
  const accepted = new Set<string>();
  let port: number;
  let controllerPort: number;
  let kafka: LocalKafka;
  let engine: EngineProcess;

  const startBroker = async (): Promise<void> => {
    kafka = await startKafka({
      jars: join(stackConfig().cacheDir, 'kafka'),
      dir: join(dir, 'kafka'),
      port,
      controllerPort,
    });
  };
  const startEngine = async (more: Record<string, string> = {}): Promise<void> => {
    engine = await startEngineProcess({
      ...more,
      TOLLGATE_DATA_DIR: join(dir, 'shard-0'),
      TOLLGATE_KAFKA_BROKERS: `127.0.0.1:${port}`,
      TOLLGATE_PARTITIONS: `${PARTITIONS}`,
      TOLLGATE_SIMULATOR_WEBHOOK_SECRETS: SECRET,
    });
  };
  const accept = async (prefix: string, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 50) {
      const ids = Array.from({ length: Math.min(50, count - n) }, (_, i) => `${prefix}-${n + i}`);
      for (const [i, answer] of (
        await Promise.all(ids.map((id) => post(engine.api, id)))
      ).entries()) {
        assert.equal(answer.status, 202);
        accepted.add(ids[i]!);
      }
    }
  };
  const caughtUp = (): Promise<void> =>
    eventually('Kafka has confirmed everything', 60_000, async () => {
      return (
        (await engine.metric('cdc_connected')) === 1 &&
        (await engine.metric('cdc_lag_sequences')) === 0
      );
    });

  before(async () => {
    [port, controllerPort] = (await freePorts(2)) as [number, number];
    await startBroker();
    await startEngine();
  });
  after(async () => {
    await engine?.stop();
    await kafka?.stop('SIGTERM', 10_000);
    rmSync(dir, { recursive: true });
  });

  it('should bring every accepted id to payments.accepted, also what was accepted without Kafka and before kill -9', async () => {
    await accept('up', 500);
    await caughtUp();
    await kafka.stop('SIGKILL', 1_000);
    await accept('down', 500);
    await engine.stop('SIGKILL');
    await startEngine();
    await accept('restarted', 200);
    await startBroker();
    await caughtUp();

    const messages: Message[] = [];
    const all = { partitions: PARTITIONS };
    await readTopic(`127.0.0.1:${port}`, TOPICS.accepted, all, (message) => messages.push(message));
    const published = new Set(
      messages.map((message) => checkoutAccepted.decode(message.value!).checkout_id),
    );
    assert.deepEqual(
      [...accepted].filter((id) => !published.has(id)),
      [],
    );
    for (const message of messages) {
      const origin = parseOrigin(String(message.headers?.[0]?.[ORIGIN_HEADER]));
      assert.equal(origin?.source, 'wal');
    }
  });

  it('should bring a webhook to the partition and under the key of its payment', async () => {
    await accept('hooked', 20);
    for (let n = 0; n < 20; n++) {
      const body = eventOf(`evt_${n}`, { merchant: 'default', checkout_id: `hooked-${n}` });
      assert.equal((await callBack(engine.api, body, { secret: SECRET })).status, 200);
    }
    const nameless = eventOf('evt_nameless', { reference: 'ch_1' });
    assert.equal((await callBack(engine.api, nameless, { secret: SECRET })).status, 200);
    await caughtUp();
    const all = { partitions: PARTITIONS };
    const partitions = new Map<string, number>();
    await readTopic(`127.0.0.1:${port}`, TOPICS.accepted, all, (message) =>
      partitions.set(`${message.key}`, message.partition),
    );
    const keys: string[] = [];
    await readTopic(`127.0.0.1:${port}`, TOPICS.webhooks, all, (message) => {
      keys.push(`${message.key}`);
      const origin = parseOrigin(String(message.headers?.[0]?.[ORIGIN_HEADER]));
      assert.equal(origin?.source, 'wal');
      const { event_id, body } = webhookReceived.decode(message.value!);
      assert.equal((JSON.parse(`${body}`) as { id: string }).id, event_id);
      if (event_id !== 'evt_nameless')
        assert.equal(message.partition, partitions.get(`${message.key}`));
    });
    const expected = Array.from({ length: 20 }, (_, n) => `default/hooked-${n}`);
    assert.deepEqual(keys.sort(), [...expected, 'simulator/evt_nameless'].sort());
  });

  it('should go on with a clock that is a day ahead, and with the right one again', async () => {
    await engine.stop();
    const tomorrow = new Date(Date.now() + DAY_MS).toISOString();
    await startEngine(movedClock(tomorrow.slice(0, 19).replace('T', ' '), dir));
    await accept('ahead', 20);
    await caughtUp();
    await engine.stop();
    await startEngine();
    await accept('right', 20);
    await caughtUp();
    const all = { partitions: PARTITIONS };
    const appended = new Map<string, number>();
    await readTopic(`127.0.0.1:${port}`, TOPICS.accepted, all, (message) =>
      appended.set(`${message.key}`.split('/')[1]!, message.timestamp ?? 0),
    );
    for (let n = 0; n < 20; n++) {
      const [ahead, right] = [appended.get(`ahead-${n}`), appended.get(`right-${n}`)];
      assert.ok(ahead && right && ahead <= right && right <= Date.now(), `${ahead}, ${right}`);
    }
  });
});

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import rdkafka from 'node-rdkafka';
import { stackConfig } from '../../engine/config/config.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { producerSettings, producerTopicSettings } from '../../engine/kafka/client.js';
import { type LocalKafka, startKafka } from '../local/kafka.js';
import { get, post } from '../testing/checkout-client.js';
import {
  type EngineProcess,
  eventually,
  freePorts,
  startEngineProcess,
} from '../testing/engine-process.js';

const PARTITIONS = 4;
const OTHERS = 8_000;

describe('a volume that Kafka proves to be the wrong one', { timeout: 240_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-volume-'));
  let kafka: LocalKafka;
  let startOfKafka: () => Promise<LocalKafka>;
  let brokers: string;

  const start = (volume: string, settings: Record<string, string> = {}): Promise<EngineProcess> =>
    startEngineProcess({
      TOLLGATE_DATA_DIR: join(dir, volume),
      TOLLGATE_KAFKA_BROKERS: brokers,
      TOLLGATE_PARTITIONS: `${PARTITIONS}`,
      ...settings,
    });
  const copy = (from: string, to: string): void => {
    rmSync(join(dir, to), { recursive: true, force: true });
    cpSync(join(dir, from), join(dir, to), { recursive: true });
  };
  /** @returns the sentence with which it refuses; undefined when it starts after all */
  const refusal = async (volume: string): Promise<string | undefined> => {
    try {
      await (await start(volume)).stop();
      return undefined;
    } catch (error) {
      return (error as Error).message.split('\n').find((line) => line.startsWith('tollgate:'));
    }
  };
  const published = (engine: EngineProcess): Promise<void> =>
    eventually('all is in Kafka', 30_000, async () => {
      const lag = await engine.metric('cdc_lag_sequences');
      return lag === 0 && (await engine.metric('cdc_connected')) === 1;
    });

  before(async () => {
    const [port, controllerPort] = (await freePorts(2)) as [number, number];
    const jars = join(stackConfig().cacheDir, 'kafka');
    startOfKafka = () => startKafka({ jars, dir: join(dir, 'kafka'), port, controllerPort });
    brokers = `127.0.0.1:${port}`;
    kafka = await startOfKafka();
    for (const half of ['first', 'second']) {
      const engine = await start('now');
      for (let n = 0; n < 20; n++) await post(engine.api, `${half}-${n}`);
      await published(engine);
      // Killed: the register has no last entry, and others write on.
      await engine.stop(half === 'first' ? 'SIGTERM' : 'SIGKILL');
      if (half === 'first') copy('now', 'old');
    }
    await writeAsAnother(brokers, OTHERS);
  });

  after(async () => {
    await kafka.stop('SIGTERM', 5_000);
    rmSync(dir, { recursive: true });
  });

  it('should be refused as an old copy however much other shards wrote since', async () => {
    const sentence = await refusal('old');
    assert.match(`${sentence}`, /old copy of the volume.*shard recover.*TOLLGATE_ACCEPT_LOSS/);
    assert.equal(await refusal('old'), sentence);
  });

  it('should be refused as an emptied volume, at every start', async () => {
    const sentence = await refusal('emptied');
    assert.match(`${sentence}`, /its volume was empty/);
    assert.equal(await refusal('emptied'), sentence);
  });

  it('should start with the newest volume, which nothing has replaced', async () => {
    const engine = await start('now');
    assert.equal((await get(engine.api, 'second-19')).status, 200);
    assert.equal(await engine.metric('volume_unchecked'), 0);
    await engine.stop();
  });

  it('should accept while Kafka is away, and refuse for good once Kafka has answered', async () => {
    for (const volume of ['old-later', 'emptied-later']) {
      if (volume === 'old-later') {
        copy('old', volume);
        rmSync(join(dir, volume, 'volume-check.json'));
      }
      await kafka.stop('SIGKILL', 1_000);
      for (let n = 0; n < 2; n++) {
        const engine = await start(volume);
        for (let i = 0; i < 40; i++)
          assert.equal((await post(engine.api, `${volume}-${n}-${i}`)).status, 202);
        assert.equal(await engine.metric('volume_unchecked'), 1);
        if (n === 0) await engine.stop('SIGKILL');
        else {
          kafka = await startOfKafka();
          await eventually('it ends', 30_000, async () => engine.child.signalCode !== null);
        }
      }
      const sentence = await refusal(volume);
      assert.match(`${sentence}`, volume === 'old-later' ? /old copy/ : /its volume was empty/);
      await kafka.stop('SIGKILL', 1_000);
      assert.equal(await refusal(volume), sentence, 'also while Kafka is away');
      kafka = await startOfKafka();
    }
  });

  it('should start after a loss was accepted once, and be no old copy then', async () => {
    const accepting = await start('old', { TOLLGATE_ACCEPT_LOSS: 'on' });
    assert.equal((await post(accepting.api, 'after-loss')).status, 202);
    await published(accepting);
    await accepting.stop();
    const engine = await start('old');
    assert.equal((await get(engine.api, 'after-loss')).status, 200);
    await engine.stop();
    assert.match(`${await refusal('now')}`, /old copy, from before/);
  });
});

async function writeAsAnother(brokers: string, count: number): Promise<void> {
  const producer = new rdkafka.Producer(
    producerSettings(brokers, 'another'),
    producerTopicSettings(10_000),
  );
  await new Promise<void>((resolve, reject) =>
    producer.connect({}, (error) => (error ? reject(error) : resolve())),
  );
  for (let n = 0; n < count; n++)
    producer.produce(TOPICS.accepted, n % PARTITIONS, Buffer.from('of another shard'), `k-${n}`);
  await new Promise((resolve) => producer.flush(20_000, resolve));
  await new Promise((resolve) => producer.disconnect(resolve));
}

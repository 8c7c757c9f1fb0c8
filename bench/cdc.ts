/** From the write-ahead log to Kafka's acknowledgement, next to bare node-rdkafka producing the same bytes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka from 'node-rdkafka';
import { checkpointFile } from '../engine/cdc/checkpoint.js';
import { CdcPublisher } from '../engine/cdc/publisher.js';
import { cdcStart } from '../engine/cdc/start.js';
import { checkoutAccepted } from '../engine/codec/records.js';
import { engineConfig, stackConfig } from '../engine/core/config.js';
import { createLogger } from '../engine/core/log.js';
import { TOPICS } from '../engine/core/topics.js';
import { producerSettings, producerTopicSettings } from '../engine/kafka/client.js';
import { createTopics, topicSpecs } from '../engine/kafka/topics-admin.js';
import { Store } from '../engine/store/store.js';
import { freePorts } from '../ops/e2e/engine-process.js';
import { startKafka } from '../ops/up/kafka.js';
import { type BenchRow, report } from './result.js';

const TARGET = 0.5;
const BATCH = 256;
const QUEUE_MAX = 50_000;

/** @returns whether the target is reached */
export async function benchCdc(rounds: number, records: number): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-bench-cdc-'));
  const [port, controllerPort] = (await freePorts(2)) as [number, number];
  const jars = join(stackConfig().cacheDir, 'kafka');
  const kafka = await startKafka({ jars, dir: join(dir, 'kafka'), port, controllerPort });
  const brokers = `127.0.0.1:${port}`;
  const config = engineConfig({ TOLLGATE_KAFKA_BROKERS: brokers, TOLLGATE_DATA_DIR: dir });
  const ours: number[] = [];
  const rival: number[] = [];
  try {
    await createTopics(brokers, topicSpecs(config), 1);
    for (let round = -1; round < rounds; round++) {
      const a = await publishLog(join(dir, `round${round}`), config, records);
      const b = await produceBare(brokers, records);
      if (round < 0) continue; // the first round warms up
      ours.push(a);
      rival.push(b);
    }
  } finally {
    await kafka.stop('SIGTERM', 5_000);
    rmSync(dir, { recursive: true });
  }
  const rivalName = 'bare node-rdkafka';
  const row: BenchRow = {
    name: 'log to Kafka',
    unit: 'records/s',
    ours,
    rival,
    rivalName,
    target: TARGET,
  };
  return report('cdc', [row]);
}

async function publishLog(
  dataDir: string,
  config: ReturnType<typeof engineConfig>,
  records: number,
): Promise<number> {
  const store = await Store.open(dataDir, config);
  for (let n = 0; n < records; n += BATCH) {
    const batch = store.batch();
    for (let i = n; i < Math.min(n + BATCH, records); i++)
      batch.put('checkouts', Buffer.from(`default/bench-${i}`), sample(i));
    batch.write();
  }
  const dbDir = Store.directory(dataDir);
  const since = performance.now();
  const publisher = new CdcPublisher({
    config,
    dbDir,
    volume: 'bench',
    checkpoint: checkpointFile(join(dataDir, 'checkpoint.json')),
    start: cdcStart(dbDir, store.sequence, undefined, false).position,
    durableSequence: () => store.sequence,
    beforeFirst: async () => {},
    logger: createLogger('bench', 'error'),
    onCheckpoint: () => {},
    onFatal: (error) => {
      throw error;
    },
  });
  while (publisher.lag > 0) await sleep(1);
  const seconds = (performance.now() - since) / 1_000;
  await publisher.close();
  await store.close();
  return records / seconds;
}

/** The same settings and bytes, as fast as one loop hands them over. */
async function produceBare(brokers: string, records: number): Promise<number> {
  const since = performance.now();
  const producer = new rdkafka.Producer(
    producerSettings(brokers, 'bench'),
    producerTopicSettings(0),
  );
  let delivered = 0;
  producer.on('delivery-report', (error) => {
    if (error) throw error;
    delivered++;
  });
  await new Promise<void>((resolve) => producer.once('ready', () => resolve()).connect());
  producer.setPollInterval(5);
  for (let n = 0; n < records; n++) {
    producer.produce(TOPICS.accepted, null, sample(n), `default/bench-${n}`);
    if (n % 1_000 === 0) while (n - delivered > QUEUE_MAX) await sleep(1);
  }
  while (delivered < records) await sleep(1);
  const seconds = (performance.now() - since) / 1_000;
  await new Promise<void>((resolve) => producer.disconnect(() => resolve()));
  return records / seconds;
}

function sample(n: number): Buffer {
  return checkoutAccepted.encode({
    fingerprint: Buffer.alloc(32, 7),
    shard: 0,
    accepted_at: 1_700_000_000_000 + n,
    merchant: 'default',
    checkout_id: `bench-${n}`,
    amount: 1999,
    currency: 'USD',
    payment_method: 'pm_card_visa',
    provider: 'auto',
    description: 'two hundred bytes or so, as a checkout with a description and a few fields has',
    metadata: { order: `${n}`, campaign: 'autumn' },
  });
}

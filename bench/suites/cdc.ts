/** From the write-ahead log to Kafka's acknowledgement, beside bare node-rdkafka producing the same bytes; and the lag at 5 000/s. */
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka from 'node-rdkafka';
import { checkoutAccepted } from '../../engine/codec/records.js';
import { engineConfig } from '../../engine/core/config.js';
import { TOPICS } from '../../engine/core/topics.js';
import { producerSettings, producerTopicSettings } from '../../engine/kafka/client.js';
import { createTopics, topicSpecs } from '../../engine/kafka/topics-admin.js';
import { startEngineProcess } from '../../ops/e2e/engine-process.js';
import { ArrivalWatch } from '../harness/arrivals.js';
import { fillStore, publishLog } from '../harness/log.js';
import { longCheckout } from '../harness/samples.js';
import { startBroker } from '../harness/servers.js';
import type { Stage, Suite } from '../harness/suite.js';
import { reportOfSamples } from '../load/report.js';
import { load } from '../load/run.js';

const TARGET = 0.9;
const QUEUE_MAX = 50_000;
const LAG_RATE = 5_000;
const LAG_P99_MS_MAX = 20;

export const cdc: Suite = {
  name: 'cdc',
  measures: 'records a second from the log to Kafka, beside bare node-rdkafka; lag at 5 000/s',
  async run(stage) {
    const kafka = await startBroker(stage);
    const { brokers } = kafka;
    try {
      const config = engineConfig({ TOLLGATE_KAFKA_BROKERS: brokers });
      await createTopics(brokers, topicSpecs(config), 1);
      const records = stage.size(40_000, 200_000);
      const samples = await stage.inTurns(
        async (round) => {
          const dataDir = stage.folder(`log-${round}`);
          const store = await fillStore(dataDir, records);
          return (await publishLog(store, dataDir, config)).perSecond;
        },
        () => produceBare(brokers, records),
      );
      const rivalName = 'bare node-rdkafka, same bytes';
      stage.row({ name: 'log to Kafka', unit: 'records/s', ...samples, rivalName, target: TARGET });
      await lag(stage, brokers);
    } finally {
      await kafka.stop('SIGTERM', 5_000);
    }
  },
};

/** The same settings, headers' size and bytes, as fast as one loop hands them over. */
async function produceBare(brokers: string, records: number): Promise<number> {
  const values = Array.from({ length: records }, (_, n) =>
    checkoutAccepted.encode(longCheckout(`bench-${n}`, n)),
  );
  const since = performance.now();
  const settings = producerSettings(brokers, 'bench');
  const producer = new rdkafka.Producer(settings, producerTopicSettings(0));
  let delivered = 0;
  producer.on('delivery-report', (error) => {
    if (error) throw error;
    delivered++;
  });
  await new Promise<void>((resolve) => producer.once('ready', () => resolve()).connect());
  producer.setPollInterval(5);
  const headers = [{ 'tollgate-origin': '01J00000000000000000000000:1000000:wal' }];
  for (let n = 0; n < records; n++) {
    producer.produce(TOPICS.accepted, null, values[n]!, `default/bench-${n}`, null, null, headers);
    if (n % 1_000 === 0) while (n - delivered > QUEUE_MAX) await sleep(1);
  }
  while (delivered < records) await sleep(1);
  const seconds = (performance.now() - since) / 1_000;
  await new Promise<void>((resolve) => producer.disconnect(() => resolve()));
  return records / seconds;
}

/** From acceptance to a consumer of the topic: never less than to the acknowledgement. */
async function lag(stage: Stage, brokers: string): Promise<void> {
  const engine = await startEngineProcess({
    TOLLGATE_DATA_DIR: stage.folder('lag'),
    TOLLGATE_KAFKA_BROKERS: brokers,
    TOLLGATE_LOG_LEVEL: 'error',
  });
  const watch = await ArrivalWatch.start(brokers, 'lag-');
  const seconds = stage.size(3, 8);
  try {
    const given = { url: engine.api, rate: LAG_RATE, duration: seconds, prefix: 'lag' };
    const [report] = await load(given);
    stage.latency(`accept with publishing at ${LAG_RATE}/s`, report!);
    const accepted = await engine.metric('gateway_accepted_total');
    await watch.until(accepted, 10_000);
    stage.must(watch.ids.size === accepted, `${watch.ids.size} of ${accepted} arrived in Kafka`);
    const skip = LAG_RATE * 2;
    const it = stage.latency(
      'accepted to consumed',
      reportOfSamples(watch.lags.slice(skip), seconds),
    );
    const name = `accepted to consumed at ${LAG_RATE}/s, p99`;
    stage.row({ name, unit: 'ms', ours: [it.p99], limit: LAG_P99_MS_MAX });
  } finally {
    await watch.stop();
    await engine.stop();
  }
}

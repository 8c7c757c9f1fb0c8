/** From the write-ahead log to Kafka's acknowledgement, beside bare node-rdkafka producing the same bytes; and the lag at 5 000/s. */
import { engineConfig } from '../../engine/config/config.js';
import { createTopics, topicSpecs } from '../../engine/kafka/topics-admin.js';
import { startEngineProcess } from '../../ops/testing/engine-process.js';
import { ArrivalWatch } from '../harness/arrivals.js';
import { produceBare } from '../harness/bare-producer.js';
import { fillStore, publishLog } from '../harness/log.js';
import { startBroker } from '../harness/servers.js';
import type { Stage, Suite } from '../harness/suite.js';
import { reportOfSamples } from '../load/report.js';
import { load } from '../load/run.js';

const TARGET = 0.9;
const LAG_RATE = 5_000;
const LAG_P99_MS_MAX = 20;

export const cdc: Suite = {
  name: 'cdc',
  measures: 'records a second from the log to Kafka, beside bare node-rdkafka; lag at 5 000/s',
  async run(stage) {
    const kafka = await startBroker(stage);
    const { brokers } = kafka;
    try {
      const config = engineConfig({ TOLLGATE_KAFKA_BROKERS: brokers, TOLLGATE_SHARDS: '2' });
      await createTopics(brokers, topicSpecs(config), 1);
      // First, for its consumer reads the topic from its beginning.
      await lag(stage, brokers);
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
    } finally {
      await kafka.stop('SIGTERM', 5_000);
    }
  },
};

/** From acceptance to a consumer of the topic: never less than to the acknowledgement. */
async function lag(stage: Stage, brokers: string): Promise<void> {
  const engine = await startEngineProcess({
    TOLLGATE_DATA_DIR: stage.folder('lag'),
    // The records of shard 0 that are in Kafka come from other volumes.
    TOLLGATE_SHARD: '1',
    TOLLGATE_SHARDS: '2',
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
    const latency = stage.latency(
      'accepted to consumed',
      reportOfSamples(watch.lags.slice(skip), seconds),
    );
    const name = `accepted to consumed at ${LAG_RATE}/s, p99`;
    stage.row({ name, unit: 'ms', ours: [latency.p99], limit: LAG_P99_MS_MAX });
  } finally {
    await watch.stop();
    await engine.stop();
  }
}

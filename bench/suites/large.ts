/** What takes too long for every run: growth to ten million payments, and a backlog of five. */
import { engineConfig } from '../../engine/config/config.js';
import { createTopics, topicSpecs } from '../../engine/kafka/topics-admin.js';
import { produceBare } from '../harness/bare-producer.js';
import { growthTo } from '../harness/growth.js';
import { fillStore, publishLog } from '../harness/log.js';
import { startBroker } from '../harness/servers.js';
import type { Stage, Suite } from '../harness/suite.js';

const BACKLOG = 5_000_000;
const BARE_RECORDS = 500_000;
const TARGET = 0.9;

export const large: Suite = {
  name: 'growth-large',
  measures: 'accepting with ten million stored payments, and publishing a backlog of five million',
  async run(stage: Stage) {
    await growthTo(
      stage,
      stage.isQuick ? [20_000, 50_000, 100_000] : [100_000, 1_000_000, 10_000_000],
    );
    await backlog(stage, stage.size(BACKLOG / 100, BACKLOG));
  },
};

async function backlog(stage: Stage, records: number): Promise<void> {
  const kafka = await startBroker(stage);
  const { brokers } = kafka;
  try {
    const config = engineConfig({ TOLLGATE_KAFKA_BROKERS: brokers });
    await createTopics(brokers, topicSpecs(config), 1);
    const bare = await produceBare(brokers, stage.size(BARE_RECORDS / 10, BARE_RECORDS));
    const dataDir = stage.folder('backlog');
    const say = (n: number): void => stage.say(`logged ${n} of ${records}`);
    const store = await fillStore(dataDir, records, say);
    const { published, perSecond } = await publishLog(store, dataDir, config);
    stage.must(published >= records, `${published} of ${records} published`);
    stage.row({
      name: `a backlog of ${records.toLocaleString('en')}`,
      unit: 'records/s',
      ours: [perSecond],
      rival: [bare],
      rivalName: 'bare node-rdkafka, same bytes',
      target: TARGET,
    });
  } finally {
    await kafka.stop('SIGTERM', 5_000);
  }
}

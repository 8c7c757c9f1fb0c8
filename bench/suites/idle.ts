/** Measures the CPU of an idle engine with default sizes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startEngineProcess } from '../../ops/testing/engine-process.js';
import { cpuSeconds, rssMb, startBroker } from '../harness/servers.js';
import type { Suite } from '../harness/suite.js';

const CPU_PERCENT_MAX = 1;
const RSS_MB_MAX = 350;
/** Until V8 has collected what starting up has left; an engine that has just started is not idle. */
const SETTLE_MS = 30_000;

export const idle: Suite = {
  name: 'idle',
  measures: 'CPU and memory of an idle engine with default sizes, connected to Kafka',
  async run(stage) {
    const kafka = await startBroker(stage);
    const engine = await startEngineProcess({
      TOLLGATE_DATA_DIR: stage.folder('engine'),
      TOLLGATE_KAFKA_BROKERS: kafka.brokers,
    });
    const pid = engine.child.pid!;
    try {
      await sleep(stage.size(5_000, SETTLE_MS));
      const seconds = stage.size(5, 15);
      const before = cpuSeconds(pid);
      await sleep(seconds * 1_000);
      const used = ((cpuSeconds(pid) - before) / seconds) * 100;
      stage.row({
        name: 'CPU while idle',
        unit: '% of a core',
        ours: [Math.max(used, 0.01)],
        limit: CPU_PERCENT_MAX,
      });
      stage.row({ name: 'RSS while idle', unit: 'MiB', ours: [rssMb(pid)], limit: RSS_MB_MAX });
    } finally {
      await engine.stop();
      await kafka.stop('SIGTERM', 5_000);
    }
  },
};

/** The whole path on these cores: POST to `succeeded` readable, its steps, and what is sustained. */

import { query } from '../../ops/testing/books.js';
import { get } from '../../ops/testing/checkout-client.js';
import { LocalSystem, until } from '../../ops/testing/system.js';
import { readSteps } from '../harness/steps.js';
import type { Stage, Suite } from '../harness/suite.js';
import { postAndAwait } from '../harness/whole-path.js';
import { reportOfSamples } from '../load/report.js';
import { load } from '../load/run.js';

const RATE = 500;
const P50_MS_MAX = 25;
const P99_MS_MAX = 100;
const SUSTAINED_MIN = 2_000;
const SETTLE_MS_MAX = 120_000;
/** So many of the last payments are read one by one. */
const LAST_READ = 100;

export const path: Suite = {
  name: 'path',
  measures: 'POST to `succeeded` readable at 500/s, every step of it, and the sustained rate',
  async run(stage: Stage) {
    const system = await LocalSystem.start();
    try {
      // First, so that every process is warm for the steps at a rate.
      await sustained(stage, system);
      await atRate(stage, system);
    } finally {
      await system.stop();
    }
  },
};

async function atRate(stage: Stage, system: LocalSystem): Promise<void> {
  const seconds = stage.size(6, 15);
  const warmUpSeconds = 4;
  const seen = await postAndAwait(system.endpoints.api, {
    prefix: 'path',
    ratePerSecond: RATE,
    count: RATE * (seconds + warmUpSeconds),
  });
  const measured = seen.slice(RATE * warmUpSeconds);
  const lost = measured.filter((followed) => followed.status !== 'succeeded');
  stage.must(lost.length === 0, `${lost.length} payments are not succeeded`);
  const report = reportOfSamples(
    measured.map((followed) => followed.readableMs),
    seconds,
  );
  const latency = stage.latency(`POST to succeeded at ${RATE}/s`, report);
  stage.row({
    name: `POST to succeeded, p50 at ${RATE}/s`,
    unit: 'ms',
    ours: [latency.p50],
    limit: P50_MS_MAX,
  });
  stage.row({
    name: `POST to succeeded, p99 at ${RATE}/s`,
    unit: 'ms',
    ours: [latency.p99],
    limit: P99_MS_MAX,
  });
  stage.waterfall(await readSteps(system, measured));
}

/** More than it carries for some seconds, then until the last is readable; the mean is what counts. */
async function sustained(stage: Stage, system: LocalSystem): Promise<void> {
  const ours: number[] = [];
  for (let round = 0; round < stage.size(1, 3); round++) {
    const rate = SUSTAINED_MIN * 1.25;
    const duration = stage.size(3, 8);
    const prefix = `many${round}`;
    const since = performance.now();
    const [posts] = await load({ url: system.endpoints.api, rate, duration, 'warm-up': 0, prefix });
    stage.latency(`accepting while all of it works, ${rate}/s`, posts!);
    const count = posts!.count;
    stage.must(Object.keys(posts!.failures).length === 0, JSON.stringify(posts!.failures));
    await until('all have their outcome', SETTLE_MS_MAX, async () => {
      const sql = `select count(*) as n from payments
        where checkout_id like '${prefix}-%' and status = 'succeeded'`;
      return Number((await query<{ n: string }>(system, sql))[0]!.n) >= count;
    });
    for (let n = count - LAST_READ; n < count; n++) {
      await until(`${prefix}-${n} is readable`, SETTLE_MS_MAX, async () => {
        const { body } = await get(system.endpoints.api, `${prefix}-${n}`);
        return body.includes('"status":"succeeded"');
      });
    }
    ours.push(count / ((performance.now() - since) / 1_000));
  }
  stage.row({
    name: 'whole path, sustained',
    unit: 'payments/s',
    ours,
    rival: [SUSTAINED_MIN],
    rivalName: 'what is asked for',
    target: 1,
  });
}

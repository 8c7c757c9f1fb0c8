import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stackConfig } from '../../engine/core/config.js';
import { createLogger } from '../../engine/core/log.js';
import { createTopics } from '../../engine/kafka/topics-admin.js';
import { Intake } from '../../workers/processor/intake.js';
import type { Sender } from '../../workers/processor/sender.js';
import { type LocalKafka, startKafka } from '../up/kafka.js';
import { eventually, freePorts } from './engine-process.js';
import { openSender } from './open-sender.js';

const TOPIC = 'payments.intake';
const PARTITIONS = 8;
const IN_FLIGHT_MAX = 4;

describe('the intake of a processor', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-intake-'));
  const intakes: Intake[] = [];
  let brokers: string;
  let kafka: LocalKafka;
  let sender: Sender;

  /** A processor's intake that notes what it is given, and finishes once `opened`. */
  const enter = async (seen: Set<string>, opened: Promise<void>): Promise<Intake> => {
    const intake = new Intake({
      brokers,
      groupId: 'intake-test',
      topics: [TOPIC],
      inFlightMax: IN_FLIGHT_MAX,
      connectMsMax: 5_000,
      logger: createLogger('test', 'error'),
      onFetch: () => {},
      holdOf: () => undefined,
      handle: async (message) => {
        seen.add(`${message.key}`);
        await opened;
        return true;
      },
      onFatal: (reason) => assert.fail(reason),
    });
    intakes.push(intake);
    await intake.start();
    return intake;
  };

  before(async () => {
    const [port, controllerPort] = (await freePorts(2)) as [number, number];
    brokers = `127.0.0.1:${port}`;
    const jars = join(stackConfig().cacheDir, 'kafka');
    kafka = await startKafka({ jars, dir: join(dir, 'kafka'), port, controllerPort });
    await createTopics(brokers, [{ name: TOPIC, partitions: PARTITIONS }], 1);
    sender = openSender(brokers);
  });
  after(async () => {
    for (const intake of intakes) await intake.close(1_000);
    await sender?.close();
    await kafka?.stop('SIGTERM', 10_000);
    rmSync(dir, { recursive: true });
  });

  const send = (prefix: string, count: number): Promise<void> =>
    sender.send(
      Array.from({ length: count }, (_, n) => ({
        topic: TOPIC,
        partition: n % PARTITIONS,
        key: Buffer.from(`${prefix}-${n}`),
        value: Buffer.from('x'),
      })),
    );

  it('should take from partitions that were paused, went to another processor, and came back', async () => {
    const seen = new Set<string>();
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    const first = await enter(seen, opened);
    await eventually('it owns all', 20_000, async () => first.partitions === PARTITIONS);
    await send('full', 100);
    await eventually('it is full', 10_000, async () => first.inFlight === IN_FLIGHT_MAX);
    const second = await enter(seen, Promise.resolve());
    await eventually('they share', 20_000, async () => second.partitions === PARTITIONS / 2);
    open();
    await eventually('all are seen', 20_000, async () => seen.size === 100);
    await second.close(1_000);
    await eventually('it owns all again', 20_000, async () => first.partitions === PARTITIONS);
    await send('later', 100);
    await eventually('all are seen again', 20_000, async () => seen.size === 200);
  });
});

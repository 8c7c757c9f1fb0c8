import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stackConfig } from '../../engine/config/config.js';
import { topicIdentities } from '../../engine/kafka/topic-identity.js';
import { createTopics } from '../../engine/kafka/topics-admin.js';
import { createLogger } from '../../engine/util/log.js';
import { Intake } from '../../workers/consumer/consumer.js';
import type { Sender } from '../../workers/outbox/kafka-producer.js';
import { KafkaProxy } from '../fakes/kafka-proxy.js';
import { type LocalKafka, startKafka } from '../local/kafka.js';
import { deleteTopic } from '../prove/faults/rebirth-topics.js';
import { eventually, freePorts } from '../testing/engine-process.js';
import { openSender } from '../testing/open-producer.js';

const GROUP = 'intake-test';
const TOPIC = 'payments.intake';
const PARTITIONS = 8;
const IN_FLIGHT_MAX = 4;

describe('the intake of a processor', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-intake-'));
  const intakes: Intake[] = [];
  let brokers: string;
  let kafka: LocalKafka;
  let proxy: KafkaProxy;
  let sender: Sender;

  /** A processor's intake that notes what it is given, and finishes once `opened`. */
  const enter = async (seen: Set<string>, opened: Promise<void>): Promise<Intake> => {
    const intake = new Intake({
      brokers,
      groupId: GROUP,
      topics: [TOPIC],
      makeTopics: async () => {},
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
    const ports = (await freePorts(3)) as [number, number, number];
    const [port, controllerPort, advertisedPort] = ports;
    brokers = `127.0.0.1:${advertisedPort}`;
    proxy = await KafkaProxy.start({ port: advertisedPort, target: port, group: GROUP });
    const jars = join(stackConfig().cacheDir, 'kafka');
    const kafkaDir = join(dir, 'kafka');
    kafka = await startKafka({ jars, dir: kafkaDir, port, controllerPort, advertisedPort });
    await createTopics(brokers, [{ name: TOPIC, partitions: PARTITIONS }], 1);
    sender = openSender(brokers);
  });
  after(async () => {
    for (const intake of intakes) await intake.close(1_000);
    await sender?.close();
    await proxy?.close();
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

  /** A topic that is being deleted cannot be made. */
  const isMade = async (): Promise<boolean> => {
    await createTopics(brokers, [{ name: TOPIC, partitions: PARTITIONS }], 1).catch(() => {});
    return (await topicIdentities(brokers, [TOPIC])).has(TOPIC);
  };

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

  it('should read on after an error that ends the read loop of its client', async () => {
    for (const intake of intakes.splice(0)) await intake.close(1_000);
    const seen = new Set<string>();
    proxy.moveCoordinator();
    const intake = await enter(seen, Promise.resolve());
    await eventually('the coordinator has moved', 20_000, async () => proxy.refused === 1);
    await send('moved', 20);
    await eventually('all are read', 30_000, async () => seen.size >= 20);
    assert.equal(intake.partitions, PARTITIONS);
  });

  it('should read a topic that was made anew from its first record', async () => {
    const seen = new Set<string>();
    for (const intake of intakes.splice(0)) await intake.close(1_000);
    const intake = await enter(seen, Promise.resolve());
    await send('before', 100);
    await eventually('the old topic is read', 20_000, async () => seen.has('before-99'));
    await deleteTopic(brokers, TOPIC);
    await eventually('it is made anew', 20_000, () => isMade());
    // More than were read of the old one: its positions lie within the new one.
    await send('anew', 1_000);
    intake.onTopicsChanged([], [TOPIC]);
    const all = (): boolean => [...seen].filter((text) => text.startsWith('anew')).length === 1_000;
    await eventually('all are read', 30_000, async () => all());
  });
});

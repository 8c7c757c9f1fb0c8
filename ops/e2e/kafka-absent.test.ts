import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stackConfig } from '../../engine/config/config.js';
import { createTopics } from '../../engine/kafka/topics-admin.js';
import { createLogger } from '../../engine/util/log.js';
import { untilDone } from '../../engine/util/retry.js';
import { Intake } from '../../workers/consumer/consumer.js';
import type { Sender } from '../../workers/outbox/kafka-producer.js';
import { type LocalKafka, startKafka } from '../local/kafka.js';
import { eventually, freePorts, sleep } from '../testing/engine-process.js';
import { openSender } from '../testing/open-producer.js';

const TOPIC = 'payments.absent';
const CONNECT_MS_MAX = 300;
/** Several attempts fail in each phase. */
const PHASE_MS = 1_500;

describe('a processor that starts before Kafka', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-absent-'));
  const seen: string[] = [];
  const stop = new AbortController();
  let brokers: string;
  let kafka: LocalKafka;
  let sender: Sender;
  let intake: Intake;
  let started: Promise<void>;

  before(async () => {
    const [port, controllerPort] = (await freePorts(2)) as [number, number];
    brokers = `127.0.0.1:${port}`;
    const logger = createLogger('test', 'error');
    sender = openSender(brokers, CONNECT_MS_MAX);
    intake = new Intake({
      brokers,
      groupId: 'absent-test',
      topics: [TOPIC],
      makeTopics: async () => {},
      inFlightMax: 4,
      connectMsMax: CONNECT_MS_MAX,
      logger,
      onFetch: () => {},
      holdOf: () => undefined,
      handle: async (message) => seen.push(`${message.value}`) > 0,
      onFatal: (reason) => assert.fail(reason),
    });
    started = untilDone('kafka', () => intake.start(), logger, stop.signal);
    await sleep(PHASE_MS);
    await acceptWithoutAnswering(port, PHASE_MS);
    const jars = join(stackConfig().cacheDir, 'kafka');
    kafka = await startKafka({ jars, dir: join(dir, 'kafka'), port, controllerPort });
    await createTopics(brokers, [{ name: TOPIC, partitions: 1 }], 1);
  });
  after(async () => {
    stop.abort();
    await intake?.close(1_000);
    await sender?.close();
    await kafka?.stop('SIGTERM', 10_000);
    rmSync(dir, { recursive: true });
  });

  it('should send and read once Kafka is there, however many attempts failed before', async () => {
    const record = { topic: TOPIC, partition: 0, key: Buffer.from('k'), value: Buffer.from('v') };
    await within(20_000, sender.send([record]));
    await within(20_000, started);
    await eventually('the record is read', 20_000, async () => seen.length === 1);
    assert.deepEqual(seen, ['v']);
  });

  it('should send again in order, and read on, when its clients are replaced', async () => {
    const values = Array.from({ length: 20 }, (_, index) => `${index}`);
    process.kill(kafka.pid, 'SIGSTOP');
    const sent = values.map((value) =>
      sender.send([
        { topic: TOPIC, partition: 0, key: Buffer.from('k'), value: Buffer.from(value) },
      ]),
    );
    await eventually('the records are given to Kafka', 5_000, async () => sender.isWaiting);
    sender.renew('test');
    intake.renew('test');
    await sleep(PHASE_MS);
    process.kill(kafka.pid, 'SIGCONT');
    await within(20_000, Promise.all(sent));
    assert.equal(sender.isWaiting, false);
    await eventually('all are read', 20_000, async () => seen.includes('19'));
    // What was not committed is read again; what the former producer had under way may arrive too.
    assert.deepEqual([...new Set(seen)], ['v', ...values]);
  });
});

/** A broker that hangs: it takes connections and never answers. */
async function acceptWithoutAnswering(port: number, ms: number): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  await sleep(ms);
  assert.ok(sockets.size > 2, 'nothing tried to connect');
  for (const socket of sockets) socket.destroy();
  await new Promise((done) => server.close(done));
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const late = sleep(ms).then(() => {
    throw new Error(`not within ${ms} ms`);
  });
  return Promise.race([promise, late]);
}

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { topicIdentities } from './topic-identity.js';

const LEADERLESS = 2;
const ID = '00112233445566778899aabbccddeeff';

/** An answer of Metadata version 10 as a broker writes it: one broker, two topics. */
function answer(): Buffer {
  const text = (value: string): Buffer =>
    Buffer.concat([Buffer.of(value.length + 1), Buffer.from(value)]);
  const zeros = (count: number): Buffer => Buffer.alloc(count);
  const partition = (leader: number): Buffer =>
    Buffer.concat([
      zeros(6),
      Buffer.from(Int32Array.of(leader).buffer),
      zeros(4),
      ...[0, 1, 2].map(() => Buffer.of(2, 0, 0, 0, 1)),
      zeros(1),
    ]);
  const topic = (error: number, name: string, partitions: number): Buffer =>
    Buffer.concat([
      Buffer.of(0, error),
      text(name),
      Buffer.from(ID, 'hex'),
      zeros(1),
      Buffer.of(partitions + 1),
      ...Array.from({ length: partitions }, (_, index) => partition(index < LEADERLESS ? -1 : 0)),
      zeros(4),
      // One tagged field that no reader here knows.
      Buffer.of(1, 7, 3, 9, 9, 9),
    ]);
  const body = Buffer.concat([
    Buffer.of(0, 0, 0, 1), // correlation id
    zeros(1),
    zeros(4),
    Buffer.concat([Buffer.of(2), zeros(4), text('localhost'), zeros(4), Buffer.of(0), zeros(1)]),
    text('cluster'),
    zeros(4),
    Buffer.of(3),
    topic(0, 'payments.accepted', 5),
    topic(3, 'payments.status', 0),
    zeros(4),
    zeros(1),
  ]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

it('should read id and partitions of the topics that exist, also from an answer in pieces', async () => {
  const server = createServer((socket) => {
    socket.once('data', async () => {
      const bytes = answer();
      for (let at = 0; at < bytes.length; at += 7) {
        socket.write(bytes.subarray(at, at + 7));
        await new Promise((done) => setTimeout(done, 1));
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    const { port } = server.address() as { port: number };
    // The first address has no listener: the next one is asked.
    const brokers = `127.0.0.1:1, 127.0.0.1:${port}`;
    const found = await topicIdentities(
      brokers,
      ['payments.accepted', 'payments.status'],
      undefined,
    );
    const accepted = { name: 'payments.accepted', id: ID, partitions: 5, leaderless: 2 };
    assert.deepEqual([...found.values()], [accepted]);
  } finally {
    server.close();
  }
});

it('should say that Kafka is away when no broker listens', async () => {
  await assert.rejects(topicIdentities('127.0.0.1:1', ['payments.accepted'], undefined), {
    code: 'kafka_away',
    canRetry: true,
  });
});

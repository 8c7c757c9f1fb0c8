/** The thread of KafkaProxy: passes bytes on, and may answer one OffsetFetch itself. */
import { connect, createServer, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { KafkaProxyData } from './kafka-proxy.js';

const OFFSET_FETCH = 9;
/** From this version on the answer names groups. */
const VERSION_MIN = 8;
const NOT_COORDINATOR = 16;
const SIZE_BYTES = 4;

const { port, target, group } = workerData as KafkaProxyData;
let isMoved = false;
parentPort!.on('message', () => {
  isMoved = true;
});

createServer((client) => join(client, connect(target, '127.0.0.1'))).listen(port, '127.0.0.1', () =>
  parentPort!.postMessage('listening'),
);

function join(client: Socket, broker: Socket): void {
  for (const socket of [client, broker]) {
    socket.on('error', () => {});
    socket.on('close', () => {
      client.destroy();
      broker.destroy();
    });
  }
  broker.on('data', (bytes) => client.write(bytes));
  let rest = Buffer.alloc(0);
  client.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= SIZE_BYTES && rest.length >= SIZE_BYTES + rest.readInt32BE(0)) {
      const end = SIZE_BYTES + rest.readInt32BE(0);
      pass(rest.subarray(0, end), client, broker);
      rest = rest.subarray(end);
    }
  });
}

function pass(request: Buffer, client: Socket, broker: Socket): void {
  const isOurs = request.readInt16BE(4) === OFFSET_FETCH && request.readInt16BE(6) >= VERSION_MIN;
  if (!isOurs || !isMoved) return void broker.write(request);
  isMoved = false;
  parentPort!.postMessage('refused');
  client.write(notCoordinator(request.readInt32BE(8)));
}

/** An answer of OffsetFetch version 8 or 9 with an error for the group and no topics. */
function notCoordinator(correlationId: number): Buffer {
  const head = Buffer.alloc(SIZE_BYTES * 2);
  head.writeInt32BE(correlationId, SIZE_BYTES);
  const tagsAndThrottle = Buffer.alloc(5);
  const name = Buffer.from(group);
  const groups = Buffer.of(2, name.length + 1);
  const topicsAndError = Buffer.of(1, 0, NOT_COORDINATOR, 0, 0);
  const answer = Buffer.concat([head, tagsAndThrottle, groups, name, topicsAndError]);
  answer.writeInt32BE(answer.length - SIZE_BYTES, 0);
  return answer;
}

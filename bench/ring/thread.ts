/**
 * A thread of the ring and hop suites: does one role of a job and answers with its figure. It
 * owns no event loop work meanwhile, so it may spin.
 */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { Doorbell } from '../../engine/ring/doorbell.js';
import { LaneConsumer } from '../../engine/ring/lane-consumer.js';
import { LaneProducer, NO_SLOT } from '../../engine/ring/lane-producer.js';
import { advance, Sequence } from '../../engine/ring/sequence.js';
import { bareOf, consume, produce } from './kernel.js';

export type Job =
  | {
      role: 'produce' | 'consume';
      memory: SharedArrayBuffer;
      bytes: number;
      events: number;
      group: number;
    }
  | {
      role: 'lane-produce' | 'lane-consume';
      memory: SharedArrayBuffer;
      bytes: number;
      events: number;
      group: number;
    }
  | { role: 'ping' | 'pong'; memory: SharedArrayBuffer; rounds: number };

const PING = 0;
const PONG = 256;

function run(job: Job): number {
  switch (job.role) {
    case 'produce':
      produce(bareOf(job.memory, job.bytes), job.events, job.group);
      return 0;
    case 'consume':
      return consume(bareOf(job.memory, job.bytes), job.events);
    case 'lane-produce':
      return laneProduce(job.memory, job.bytes, job.events, job.group);
    case 'lane-consume':
      return laneConsume(job.memory, job.events);
    case 'ping':
      return ping(job.memory, job.rounds);
    case 'pong':
      return pong(job.memory, job.rounds);
  }
}

/** Whole messages as the gateway sends them, each answered and released. */
function laneProduce(
  memory: SharedArrayBuffer,
  bytes: number,
  events: number,
  group: number,
): number {
  const lane = new LaneProducer(memory, new Doorbell(Doorbell.allocate()));
  let answered = 0;
  const count = (slot: number): void => {
    answered += lane.memory.result(slot);
  };
  for (let n = 0; n < events; ) {
    const slot = lane.claim(bytes);
    if (slot === NO_SLOT) {
      lane.publish();
      lane.collect(count);
      continue;
    }
    lane.memory.bytes[lane.payloadStart(slot)] = n & 0xff;
    lane.commit(slot, 1, bytes, 0);
    if (++n % group === 0) lane.publish();
  }
  lane.publish();
  while (answered < events) lane.collect(count);
  return answered;
}

function laneConsume(memory: SharedArrayBuffer, events: number): number {
  const lane = new LaneConsumer(memory, new Doorbell(Doorbell.allocate()));
  let taken = 0;
  const answer = (slot: number): void => lane.memory.setResult(slot, 1, 0);
  while (taken < events) {
    taken += lane.take(512, answer);
    lane.answer();
  }
  return taken;
}

/** @returns nanoseconds from thread to thread, the median of many round trips halved */
function ping(memory: SharedArrayBuffer, rounds: number): number {
  const out = new Sequence(memory, PING);
  const back = new Sequence(memory, PONG);
  const millis = new Float64Array(rounds);
  let sequence = out.load();
  for (let i = 0; i < rounds; i++) {
    sequence = advance(sequence, 1);
    const start = performance.now();
    out.store(sequence);
    while (back.load() !== sequence);
    millis[i] = performance.now() - start;
  }
  return (millis.sort()[rounds >> 1]! * 1e6) / 2;
}

function pong(memory: SharedArrayBuffer, rounds: number): number {
  const incoming = new Sequence(memory, PING);
  const back = new Sequence(memory, PONG);
  let seen = back.load();
  for (let i = 0; i < rounds; i++) {
    seen = advance(seen, 1);
    while (incoming.load() !== seen);
    back.store(seen);
  }
  return 0;
}

const port = parentPort as MessagePort;
port.on('message', (job: Job) => {
  const since = performance.now();
  const result = run(job);
  port.postMessage({ result, ms: performance.now() - since });
});

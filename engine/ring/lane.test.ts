import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { Doorbell } from './doorbell.js';
import { LaneConsumer } from './lane-consumer.js';
import { LaneMemory } from './lane-memory.js';
import { LaneProducer, NO_SLOT } from './lane-producer.js';
import { PUBLISHED_OFFSET, RELEASED_OFFSET, WRITTEN_OFFSET } from './layout.js';

const KIND = 7;
/** Sequences wrap: every property also holds across the sign change and across zero. */
const STARTS = [0, 2 ** 31 - 10, -10];

function lane(start: number, slots = 16): { producer: LaneProducer; consumer: LaneConsumer } {
  const memory = LaneMemory.allocate(slots);
  for (const offset of [PUBLISHED_OFFSET, WRITTEN_OFFSET, RELEASED_OFFSET]) {
    new Int32Array(memory, offset, 1)[0] = start;
  }
  const bell = new Doorbell(Doorbell.allocate());
  return { producer: new LaneProducer(memory, bell), consumer: new LaneConsumer(memory, bell) };
}

function offer(producer: LaneProducer, key: string, value: Buffer): boolean {
  const slot = producer.claim(key.length + value.length);
  if (slot === NO_SLOT) return false;
  const start = producer.payloadStart(slot);
  producer.memory.bytes.write(key, start, 'latin1');
  value.copy(producer.memory.bytes, start + key.length);
  producer.commit(slot, KIND, key.length, value.length);
  return true;
}

for (const start of STARTS) {
  describe(`a lane whose sequences start at ${start}`, () => {
    it('should hand over every message whole and in order, whatever the sizes and the pace', () => {
      const operation = fc.oneof(
        fc.record({ kind: fc.constant('offer' as const), bytes: fc.nat(1_200) }),
        fc.record({ kind: fc.constant('take' as const), max: fc.integer({ min: 1, max: 5 }) }),
        fc.record({ kind: fc.constant('collect' as const) }),
      );
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
          const { producer, consumer } = lane(start);
          const offered: string[] = [];
          const taken: string[] = [];
          const answered: string[] = [];
          for (const entry of operations) {
            if (entry.kind === 'offer') {
              const key = `k${offered.length}`;
              if (offer(producer, key, Buffer.alloc(entry.bytes, offered.length & 0xff)))
                offered.push(key);
              producer.publish();
            } else if (entry.kind === 'take') {
              consumer.take(entry.max, (slot) => {
                const expected = taken.length & 0xff;
                assert.ok(consumer.memory.value(slot).every((byte) => byte === expected));
                taken.push(consumer.memory.key(slot).toString('latin1'));
                consumer.memory.setResult(slot, 1, taken.length);
              });
              consumer.answer();
            } else {
              producer.collect((slot) => {
                answered.push(producer.memory.key(slot).toString('latin1'));
                assert.equal(producer.memory.detail(slot), answered.length);
              });
            }
          }
          assert.deepEqual(taken, offered.slice(0, taken.length));
          assert.deepEqual(answered, taken.slice(0, answered.length));
        }),
      );
    });

    it('should say full, and take more once slots are released', () => {
      const { producer, consumer } = lane(start);
      let count = 0;
      while (offer(producer, 'k', Buffer.alloc(10))) count++;
      assert.equal(count, 16);
      producer.publish();
      consumer.take(100, (slot) => consumer.memory.setResult(slot, 1, 0));
      assert.equal(offer(producer, 'k', Buffer.alloc(10)), false, 'taken is not answered');
      consumer.answer();
      assert.equal(offer(producer, 'k', Buffer.alloc(10)), false, 'answered is not released');
      producer.collect(() => {});
      assert.equal(offer(producer, 'k', Buffer.alloc(10)), true);
    });
  });
}

describe('a doorbell', () => {
  it('should lose no wake-up between a producer and a parked thread', {
    timeout: 30_000,
  }, async () => {
    const messages = 20_000;
    const memory = LaneMemory.allocate(256);
    const bell = Doorbell.allocate();
    const back = Doorbell.allocate();
    const worker = new Worker(new URL('./lane-echo.js', import.meta.url), {
      workerData: { memory, bell, back, messages },
    });
    const producer = new LaneProducer(memory, new Doorbell(bell));
    let sent = 0;
    let answered = 0;
    const send = (): void => {
      while (sent < messages && offer(producer, `${sent}`, Buffer.alloc(sent % 300))) sent++;
      producer.publish();
    };
    await new Promise<void>((resolve) => {
      const listener = new Doorbell(back).listen(
        () => {
          producer.collect((slot) => {
            assert.equal(producer.memory.key(slot).toString('latin1'), `${answered}`);
            assert.equal(producer.memory.detail(slot), answered++);
          });
          if (answered === messages) {
            listener.stop();
            resolve();
          } else send();
        },
        () => producer.hasAnswers(),
      );
      send();
    });
    await worker.terminate();
    assert.equal(answered, messages);
  });
});

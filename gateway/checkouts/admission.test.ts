import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Doorbell } from '../../engine/ring/doorbell.js';
import { LaneConsumer } from '../../engine/ring/lane-consumer.js';
import { LaneMemory } from '../../engine/ring/lane-memory.js';
import { LaneProducer } from '../../engine/ring/lane-producer.js';
import { Admission, type Message } from './admission.js';

describe('admission', () => {
  it('should leave no gap in the lane when a message cannot be encoded', async () => {
    const memory = LaneMemory.allocate(16);
    const bell = (): Doorbell => new Doorbell(Doorbell.allocate());
    const admission = new Admission([new LaneProducer(memory, bell())]);
    const consumer = new LaneConsumer(memory, bell());
    const written: string[] = [];
    const message = (name: string, encodes: boolean): Message => ({
      kind: 1,
      key: Buffer.from(name),
      valueBytesMax: 8,
      encodeInto(buffer, offset) {
        if (!encodes) throw new Error('planted');
        return offset + buffer.write(name, offset);
      },
      onWritten: () => written.push(name),
      onRefused: () => assert.fail('the lane has room'),
    });

    for (let round = 0; round < 50; round++) {
      assert.throws(() => admission.submit(message('bad', false)), /planted/);
      admission.submit(message(`good-${round}`, true));
      await turn();
      const keys: string[] = [];
      consumer.take(16, (slot) => keys.push(consumer.memory.key(slot).toString()));
      consumer.answer();
      admission.collect();
      assert.deepEqual(keys, [`good-${round}`]);
    }
    assert.equal(written.length, 50);
    assert.equal(admission.inFlight, 0);
  });

  it('should end the thread rather than write past the room that a message asked for', () => {
    const lane = new LaneProducer(LaneMemory.allocate(16), new Doorbell(Doorbell.allocate()));
    const tooLong: Message = {
      kind: 1,
      key: Buffer.from('a'),
      valueBytesMax: 8,
      encodeInto: (_buffer, offset) => offset + 9,
      onWritten() {},
      onRefused() {},
    };
    assert.throws(() => new Admission([lane]).submit(tooLong), { name: 'BrokenInvariant' });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BroadcastReader, BroadcastWriter } from './broadcast.js';

describe('the broadcast', () => {
  it('should say that a change is under way until its hashes can be read', () => {
    const memory = BroadcastWriter.allocate();
    const writer = new BroadcastWriter(memory);
    const reader = new BroadcastReader(memory);
    writer.begin();
    assert.equal(reader.isChanging(), true);
    writer.add(7);
    assert.equal(reader.hasNews(), false);
    writer.end();
    assert.equal(reader.isChanging(), false);
    assert.equal(reader.hasNews(), true);
    const seen: number[] = [];
    assert.equal(
      reader.read((hash) => seen.push(hash)),
      true,
    );
    assert.deepEqual(seen, [7]);
  });

  it('should tell a reader that was lapped', () => {
    const memory = BroadcastWriter.allocate();
    const writer = new BroadcastWriter(memory);
    const reader = new BroadcastReader(memory);
    for (let i = 0; i < 5_000; i++) writer.add(i);
    writer.publish();
    assert.equal(
      reader.read(() => {}),
      false,
    );
  });
});

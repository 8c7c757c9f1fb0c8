import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import rdkafka from 'node-rdkafka';
import { PollPace } from './poll-pace.js';

describe('the pace of polling a producer', () => {
  it('should add no listener when the pace changes', () => {
    const producer = new rdkafka.Producer({ 'bootstrap.servers': '127.0.0.1:9' });
    const listeners = (): number =>
      producer.eventNames().reduce((sum, name) => sum + producer.listenerCount(name), 0);
    const pace = new PollPace(producer);
    const before = listeners();
    for (let i = 0; i < 50; i++) {
      pace.idle();
      pace.busy();
    }
    assert.equal(listeners(), before);
    producer.emit('disconnected', { connectionOpened: 0 });
    assert.ok(listeners() < before, 'the listener goes with the connection');
  });
});

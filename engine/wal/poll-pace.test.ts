import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import rdkafka from 'node-rdkafka';
import { PollPace } from './poll-pace.js';

describe('the pace of polling a producer', () => {
  it('should poll often while reports are due, rarely after, and add no listener', async () => {
    const producer = new rdkafka.Producer({ 'bootstrap.servers': '127.0.0.1:9' });
    let polls = 0;
    producer.poll = () => {
      polls++;
      return producer;
    };
    const listeners = (): number =>
      producer.eventNames().reduce((sum, name) => sum + producer.listenerCount(name), 0);
    let isDue = true;
    const pace = new PollPace(producer, () => isDue);
    const before = listeners();
    for (let i = 0; i < 3; i++) {
      isDue = true;
      pace.busy();
      await sleep(700);
      assert.ok(polls > 50, `${polls} polls while reports are due`);
      isDue = false;
      await sleep(1_200);
      polls = 0;
      await sleep(1_100);
      assert.ok(polls <= 3, `${polls} polls while none are due`);
    }
    assert.equal(listeners(), before);
    producer.emit('disconnected', { connectionOpened: 0 });
    assert.equal(listeners(), before - 1, 'the listener goes with the connection');
    polls = 0;
    await sleep(600);
    assert.equal(polls, 0);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deadLetter } from '../../engine/codec/records.js';
import { createLogger } from '../../engine/util/log.js';
import type { OutgoingRecord } from '../outbox/kafka-producer.js';
import type { Ask } from '../postgres/claims.js';
import type { LateCapture } from '../postgres/late-captures.js';
import type { DeadPayment, Failed, GiveUp, Task, TaskResult } from '../tasks.js';
import { TaskRunner } from './task-runner.js';
import type { Work } from './work.js';

const VALUE = Buffer.from('a record');
const FAILED: Failed = { kind: 'failed', detail: 'boom', stack: 'Error: boom\n at handler' };
const DONE: TaskResult = { kind: 'done', outcome: 'succeeded' };
const PAYMENT: DeadPayment = { merchant: 'm', checkoutId: 'c', version: 1, event: 'dead_letter' };

const TASKS: Record<Task['kind'], Task> = {
  accepted: {
    ...{ kind: 'accepted', value: VALUE, source: 'wal' },
    times: { appendedAt: null, sentAt: null, waitedMsMax: null },
  },
  ticket: { kind: 'ticket', value: VALUE },
  webhook: { kind: 'webhook', value: VALUE, source: { partition: 1, offset: 7, tries: 0 } },
  ask: { kind: 'ask', ask: { merchant: 'm', checkoutId: 'c' } as Ask },
  late_capture: {
    kind: 'late_capture',
    claim: { merchant: 'm', checkoutId: 'c' } as LateCapture,
  },
};

/** A runner whose worker does what `handler` says. */
function open(handler: (task: Task | GiveUp) => Promise<TaskResult | Failed>) {
  const lines: string[] = [];
  const logger = createLogger('test', 'silent');
  logger.error = (...said: unknown[]): void => void lines.push(JSON.stringify(said));
  const sent: OutgoingRecord[] = [];
  const buried: DeadPayment[] = [];
  const runner = new TaskRunner({
    run: handler,
    send: async (records) => void sent.push(...records),
    bury: async (payment) => buried.push(payment),
    onDone: () => {},
    logger,
  });
  return { runner, sent, buried, lines };
}

function workOf(task: Task, key = 'm/c'): Work {
  const record = { topic: 'payments.x', partition: 1, offset: 7, key, value: VALUE };
  const base = { key, id: `${task.kind} ${key}`, task };
  return task.kind === 'ask' ? base : { ...base, record, isOurs: () => true };
}

const GOOD = workOf({ ...TASKS.accepted }, 'm/good');

describe('the boundary around one record', () => {
  for (const kind of ['accepted', 'ticket', 'webhook', 'ask'] as const) {
    it(`should make a dead letter of a ${kind} that fails three times while others succeed`, async () => {
      let tries = 0;
      const { runner, sent, buried, lines } = open(async (task) => {
        if (task.kind === 'give_up')
          return {
            ...{ kind: 'dead', reason: 'internal_error', detail: task.detail, attempts: 3 },
            ...{ value: VALUE, payment: kind === 'ask' ? PAYMENT : null },
          };
        if (task === GOOD.task) return DONE;
        tries++;
        return FAILED;
      });
      let isFinished = false;
      const claims = async (): Promise<void> => {
        const work = workOf(TASKS[kind]);
        // A claimed row is tried once; its lease brings it again.
        while ((await runner.run(work)) === undefined) await sleep(1);
        isFinished = true;
      };
      const bad = claims();
      while (!isFinished) {
        assert.deepEqual(await runner.run(GOOD), DONE, 'another key is held up');
        await sleep(5);
      }
      await bad;
      assert.ok(tries >= 3);
      assert.equal(sent.length, 1);
      const letter = deadLetter.decode(sent[0]!.value);
      assert.equal(letter.reason, 'internal_error');
      assert.equal(letter.detail, 'boom');
      assert.deepEqual(buried, kind === 'ask' ? [PAYMENT] : []);
      assert.equal(runner.figures()['processor_record_failures_total'], tries);
      const failures = lines.filter((line) => line.includes('at handler'));
      assert.equal(failures.length, tries);
      for (const line of failures) {
        assert.ok(line.includes('"key":"m/c"'), line);
        if (kind !== 'ask') assert.match(line, /"topic":"payments.x","partition":1,"offset":7/);
      }
    });
  }

  it('should make no dead letter while every record fails', async () => {
    let isBroken = true;
    let tries = 0;
    const { runner, sent } = open(async () => {
      tries++;
      return isBroken ? FAILED : DONE;
    });
    const works = ['a', 'b', 'c'].map((key) => runner.run(workOf(TASKS.accepted, key)));
    await sleep(1_300);
    assert.ok(tries >= 9, `${tries} tries`);
    assert.equal(runner.figures()['processor_waiting'], 3);
    isBroken = false;
    assert.deepEqual(await Promise.all(works), [DONE, DONE, DONE]);
    assert.equal(sent.length, 0);
  });

  it('should wait for a thread that died, however often, and make no dead letter', async () => {
    let tries = 0;
    const { runner, sent } = open(async (task) => {
      if (task === GOOD.task) return DONE;
      if (tries++ < 3) throw new Error('worker exited with code: 1');
      return DONE;
    });
    const bad = runner.run(workOf(TASKS.webhook));
    const goods = setInterval(() => void runner.run(GOOD), 20);
    assert.deepEqual(await bad, DONE);
    clearInterval(goods);
    assert.equal(sent.length, 0);
    assert.equal(runner.figures()['processor_interrupted_total'], 3);
  });

  it('should leave a record unfinished when it stops, or when its partition has gone', async () => {
    const { runner } = open(async () => FAILED);
    let isOurs = true;
    const gone = runner.run({ ...workOf(TASKS.accepted, 'm/gone'), isOurs: () => isOurs });
    isOurs = false;
    assert.equal(await gone, undefined);
    const stopped = runner.run(workOf(TASKS.accepted));
    await sleep(50);
    runner.stop();
    assert.equal(await stopped, undefined);
  });

  it('should write a letter without its record where both do not fit into Kafka', async () => {
    const dead: TaskResult = {
      ...{ kind: 'dead', reason: 'undecodable', detail: 'x', attempts: 1 },
      ...{ value: null, payment: null },
    };
    const { runner, sent } = open(async () => dead);
    const value = Buffer.alloc(1_000_000);
    const work = workOf(TASKS.accepted, 'k'.repeat(50_000));
    await runner.run({ ...work, record: { ...work.record!, value } });
    assert.ok(sent[0]!.value.length < 10_000);
    assert.equal(deadLetter.decode(sent[0]!.value).source_offset, 7);
  });

  it('should count no more names of outcomes than it can hold', async () => {
    let n = 0;
    const { runner } = open(async () => ({ kind: 'done', outcome: `webhook-${n++}` }));
    for (let i = 0; i < 1_000; i++) await runner.run(workOf(TASKS.webhook));
    const names = Object.keys(runner.figures());
    assert.ok(names.length < 220);
    assert.ok(names.every((name) => /^\w+$/.test(name)));
  });
});

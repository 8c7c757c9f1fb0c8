import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../postgres/clock.js';
import type { PspAnswer } from '../psp/port.js';
import { Gate, isFailure } from './provider-guard.js';

const APPROVED: PspAnswer = {
  outcome: 'approved',
  reference: 'ch_1',
  failureCode: null,
  nextAction: null,
  problem: null,
  amountMinor: null,
  currency: null,
  payment: null,
  retryAfterMs: null,
  httpStatus: 200,
  response: null,
};
const DOWN: PspAnswer = {
  ...APPROVED,
  outcome: 'unknown',
  problem: 'provider_error',
  httpStatus: 503,
};

function gate(callsMax: number, changes: boolean[] = []): Gate {
  return new Gate({
    callsMax,
    breakerCallsMin: 10,
    breakerOpenMs: 200,
    onChange: (isOpen) => changes.push(isOpen),
  });
}

describe('the gate before a provider', () => {
  it('should open when most calls fail, let one try, and close by its success', async () => {
    const changes: boolean[] = [];
    const entry = gate(4, changes);
    let calls = 0;
    const down = async (): Promise<PspAnswer> => {
      calls++;
      return DOWN;
    };
    for (let i = 0; i < 10; i++) assert.equal(await entry.run(down), DOWN);
    assert.equal(entry.takesCalls, false);
    assert.equal(await entry.run(down), 'breaker_open');
    assert.equal(calls, 10, 'nothing is sent while it is open');
    await sleep(250);
    assert.equal(await entry.run(down), DOWN);
    assert.equal(await entry.run(down), 'breaker_open');
    await sleep(250);
    assert.equal(await entry.run(async () => APPROVED), APPROVED);
    assert.equal(entry.takesCalls, true);
    assert.deepEqual(changes, [true, false]);
  });

  it('should stay closed while declines and half of the errors come', async () => {
    const entry = gate(4);
    const declined: PspAnswer = { ...APPROVED, outcome: 'declined', httpStatus: 402 };
    for (let i = 0; i < 40; i++) await entry.run(async () => (i % 2 ? DOWN : declined));
    assert.equal(entry.takesCalls, true);
  });

  it('should turn away whoever waits too long for a turn, and never call for it', async () => {
    const entry = gate(1);
    const slow = entry.run(() => sleep(2_600, APPROVED));
    let wasCalled = false;
    const second = await entry.run(async () => {
      wasCalled = true;
      return APPROVED;
    });
    assert.equal(second, 'provider_busy');
    assert.equal(await slow, APPROVED);
    await sleep(50);
    assert.equal(wasCalled, false);
    assert.equal(await entry.run(async () => APPROVED), APPROVED);
  });

  it('should not begin a call after its time', async () => {
    const late = await gate(1).run(async () => APPROVED, monotonicMs() - 1);
    assert.equal(late, 'too_late');
  });

  it('should take 429 and a key in use for health, and no answer for a failure', () => {
    for (const problem of [null, 'key_in_use', 'key_conflict', 'rate_limited'] as const)
      assert.equal(isFailure({ ...DOWN, problem }), false, `${problem}`);
    for (const problem of [
      'no_answer',
      'foreign_answer',
      'provider_error',
      'provider_refuses_us',
      'provider_unavailable',
    ] as const)
      assert.equal(isFailure({ ...DOWN, problem }), true, problem);
  });
});

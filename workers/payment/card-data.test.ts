import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { processorConfig } from '../../engine/config/config.js';
import { Batcher, type Dated } from '../postgres/batcher.js';
import type { Ask } from '../postgres/claims.js';
import { monotonicMs, PostgresClock } from '../postgres/clock.js';
import type { OutcomeRow } from '../postgres/outcomes.js';
import type { SendRow } from '../postgres/send-commits.js';
import type { Psp, PspAnswer } from '../psp/port.js';
import { Settlements } from './outcome-builder.js';
import { Calls } from './provider-calls.js';
import { Gate } from './provider-guard.js';

const ASK: Ask = {
  ...{ merchant: 'm', checkoutId: 'c', version: 1, status: 'processing', amount: 1 },
  ...{ currency: 'USD', paymentMethod: 'pm_1', provider: 'chatty', providerReference: null },
  ...{ attempt: 1, idempotencyKey: 'm/c/charge/1', firstSentAt: Date.now(), asks: 0 },
  ...{ asked: 'auto', lastSentAt: Date.now(), acceptedAt: Date.now(), tries: 0 },
  ...{ findOnly: false, actionExpiresAt: null, waitingSince: null },
};
const ANSWER: PspAnswer = {
  outcome: 'declined',
  reference: 'ch_1',
  failureCode: 'card 4242424242424242 was declined',
  nextAction: { url: 'https://psp.example/3ds?pan=5555555555554444' },
  problem: null,
  amountMinor: null,
  currency: null,
  payment: null,
  retryAfterMs: null,
  httpStatus: 402,
  response: {
    reference: 'ch_3714496353984311',
    card: { number: '4242 4242 4242 4242', cvc: '123' },
    last4: '4242',
    n: [4242424242424242],
  },
};

describe('a provider that answers with card data', () => {
  it('should find none of it in what is recorded', async () => {
    const rows: OutcomeRow[] = [];
    const call = async (): Promise<PspAnswer> => ANSWER;
    const psp: Psp = {
      ...{ name: 'chatty', keyWindowMs: 86_400_000, findLagMs: 0, replaysErrors: false },
      ...{ charge: call, find: call, cancel: call, capture: call, refund: call },
      close: async () => {},
    };
    const gate = new Gate({
      callsMax: 1,
      breakerCallsMin: 10,
      breakerOpenMs: 1_000,
      onChange: () => {},
    });
    const clock = new PostgresClock(1_000, async () => Date.now());
    clock.observe(Date.now());
    const calls = new Calls({
      psps: new Map([[psp.name, psp]]),
      gates: new Map([[psp.name, gate]]),
      outcomes: new Batcher<OutcomeRow, boolean>(async (batch) => {
        rows.push(...batch);
        return batch.map(() => true);
      }, 1),
      sends: new Batcher<SendRow, Dated<boolean>>(async () => [{ result: true, begunAt: 0 }], 1),
      clock,
      settlements: new Settlements(processorConfig({}), () => false, clock),
      suspect: async () => {},
      onFault: (_ask, error) => assert.fail(error as Error),
    });
    assert.deepEqual(await calls.charge(ASK, true, monotonicMs(), Number.POSITIVE_INFINITY), {
      kind: 'done',
      outcome: 'failed',
    });
    assert.equal(rows.length, 1);
    assert.doesNotMatch(JSON.stringify(rows), /4242424|4242 4242|5555555|123"/);
    assert.equal(rows[0]!.provider_reference, 'ch_1');
    const { reference } = rows[0]!.response as { reference: string };
    assert.equal(reference, 'ch_3714496353984311', 'a name is kept');
    assert.equal((rows[0]!.response as { last4: string }).last4, '4242');
  });
});

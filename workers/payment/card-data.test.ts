import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { processorConfig } from '../../engine/core/config.js';
import type { Ask } from '../postgres/asks.js';
import type { PspAnswer } from '../psp/port.js';
import { Settlements } from './settlement.js';

const ASK: Ask = {
  ...{ merchant: 'm', checkoutId: 'c', version: 1, status: 'processing', amount: 1 },
  ...{ currency: 'USD', paymentMethod: 'pm_1', asked: 'auto', provider: 'chatty' },
  ...{ providerReference: null, attempt: 1, idempotencyKey: 'm/c/charge/1', asks: 0, tries: 0 },
  ...{ firstSentAt: Date.now(), lastSentAt: Date.now(), acceptedAt: Date.now() },
  ...{ findOnly: false, actionExpiresAt: null, waitingSince: null },
};
const ANSWER: PspAnswer = {
  outcome: 'declined',
  reference: 'ch_1',
  failureCode: 'card 4242424242424242 was declined',
  nextAction: { url: 'https://psp.example/3ds?pan=5555555555554444' },
  retryAfterMs: null,
  httpStatus: 402,
  response: {
    card: { number: '4242 4242 4242 4242', cvc: '123' },
    last4: '4242',
    n: [4242424242424242],
  },
};

describe('a provider that answers with card data', () => {
  it('should find none of it in what is recorded', () => {
    const request = { merchant: 'm', checkoutId: 'c', amountMinor: 1, currency: 'USD' };
    const { row } = new Settlements(processorConfig({}), () => false).afterCall(ASK, {
      operation: 'charge',
      request: { ...request, idempotencyKey: 'm/c/charge/1' },
      answer: ANSWER,
      wasNeverSent: true,
    });
    assert.equal(row.status, 'failed');
    assert.doesNotMatch(JSON.stringify(row), /4242424|4242 4242|5555555|123"/);
    assert.equal(row.provider_reference, 'ch_1');
    assert.equal((row.response as { last4: string }).last4, '4242');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorShape, isStripeError, meaningOf, type Operation } from './meaning.js';

const OPERATIONS: readonly Operation[] = ['charge', 'find', 'cancel', 'capture', 'refund'];
const STATUSES = [null, ...Array.from({ length: 500 }, (_, i) => 100 + i)];
const TYPES = [
  'api_error',
  'card_error',
  'idempotency_error',
  'invalid_request_error',
  'authentication_error',
  'rate_limit_error',
  'foreign',
  'toString',
];
const CODES = [null, 'resource_missing', 'card_declined', 'rate_limit', 'lock_timeout'];

function error(part: Partial<ErrorShape>): ErrorShape {
  return { type: 'card_error', code: null, param: null, intentStatus: null, ...part };
}

/** Written again here, so that the test does not believe the table: all that is final. */
function isFinal(operation: Operation, status: number | null, type: string, code: string | null) {
  if (code === 'rate_limit' || code === 'lock_timeout') return false;
  if (operation === 'find')
    return status === 404 && type === 'invalid_request_error' && code === 'resource_missing';
  if (type === 'card_error') return status === 402 || status === 400;
  if (type !== 'invalid_request_error') return false;
  return status === 400 || status === 402 || (status === 404 && code === 'resource_missing');
}

describe('Stripe: status and error to outcome', () => {
  it('should hold for every operation, status, type and code', () => {
    for (const operation of OPERATIONS)
      for (const status of STATUSES)
        for (const type of TYPES)
          for (const code of CODES) {
            const { outcome, problem } = meaningOf(operation, status, error({ type, code }));
            const where = `${operation} ${status} ${type} ${code}`;
            const isOwn = type !== 'foreign' && type !== 'toString' && status !== null;
            if (isOwn && status === 429) assert.equal(outcome, 'not_sent', where);
            else if (isFinal(operation, status, type, code))
              assert.equal(outcome, 'declined', where);
            else assert.equal(outcome, 'unknown', where);
            if (!isOwn) assert.equal(problem, 'foreign_answer', where);
            if (outcome === 'declined') assert.equal(problem, null, where);
          }
  });

  it('should not believe a refusal whose intent may hold money', () => {
    for (const [intentStatus, outcome] of [
      ['requires_payment_method', 'declined'],
      ['canceled', 'declined'],
      ['succeeded', 'unknown'],
      ['processing', 'unknown'],
      ['requires_capture', 'unknown'],
      ['requires_action', 'unknown'],
    ] as const)
      assert.equal(
        meaningOf('charge', 402, error({ intentStatus })).outcome,
        outcome,
        intentStatus,
      );
  });

  it('should name what stands in the way', () => {
    const type = 'invalid_request_error';
    for (const [status, part, problem] of [
      [401, { type }, 'provider_refuses_us'],
      [403, { type }, 'provider_refuses_us'],
      [409, { type: 'idempotency_error' }, 'key_in_use'],
      [400, { type: 'idempotency_error' }, 'key_conflict'],
      [404, { type }, 'provider_error'],
      [500, { type: 'api_error' }, 'provider_error'],
    ] as const)
      assert.equal(meaningOf('charge', status, error(part)).problem, problem, `${status}`);
  });

  it('should tell an error of Stripe from one of a proxy', () => {
    assert.ok(isStripeError({ type: 'api_error', message: 'x' }));
    for (const text of [
      undefined,
      null,
      'x',
      {},
      { type: 'api_error' },
      { code: 404, message: 'x' },
    ])
      assert.ok(!isStripeError(text), JSON.stringify(text));
  });
});

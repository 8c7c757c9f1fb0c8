import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { SETTINGS, STRIPE_KEY } from '../../ops/fakes/providers.js';
import type { Psp } from './port.js';
import { SimulatorPsp } from './simulator/simulator-psp.js';
import { StripePsp } from './stripe/stripe-psp.js';

const REQUEST = {
  ...{ merchant: 'default', checkoutId: 'odd', amountMinor: 1_999, currency: 'USD' },
  ...{ paymentMethod: 'pm_card_visa', reference: 'pi_odd' },
};
const KEY = { idempotencyKey: 'default/odd/charge/1' };
const CALLS: readonly ((psp: Psp) => Promise<{ outcome: string }>)[] = [
  (psp) => psp.charge({ ...REQUEST, ...KEY }),
  (psp) => psp.find({ ...REQUEST, ...KEY, operation: 'charge', reference: null }),
  (psp) => psp.find({ ...REQUEST, ...KEY, operation: 'charge' }),
  (psp) => psp.find({ ...REQUEST, ...KEY, operation: 'refund' }),
  (psp) => psp.cancel({ ...REQUEST, ...KEY }),
  (psp) => psp.capture({ ...REQUEST, ...KEY }),
  (psp) => psp.refund({ ...REQUEST, ...KEY }),
];

/** Names and words that providers use, each with a value of any kind. */
const NAMES = [
  ...['object', 'id', 'status', 'amount', 'amount_received', 'currency', 'data', 'error', 'type'],
  ...['code', 'charge', 'reference', 'refund_reference', 'next_action', 'redirect_to_url', 'url'],
  ...['last_payment_error', 'decline_code', 'failure_code', 'failure_reason', 'payment_intent'],
  ...['metadata', 'latest_charge', 'has_more', 'message', '__proto__', 'constructor', 'toString'],
];
const WORDS = [
  ...['payment_intent', 'refund', 'search_result', 'list', 'simulator_error', 'charge', 'captured'],
  ...['succeeded', 'requires_action', 'canceled', 'declined', 'card_error', 'usd', 'pi_odd', ''],
];
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, -1, 1_999, 1.5, 1e308, ...WORDS),
    fc.string(),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie('any'), { maxKeys: 6 }),
  ),
})).any;

describe('an answer of odd shape', { timeout: 120_000 }, () => {
  let server: Server;
  let body = '';
  let status = 200;
  const psps: Psp[] = [];

  before(async () => {
    server = createServer((request, response) => {
      request.resume();
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    psps.push(new SimulatorPsp('simulator', url, SETTINGS));
    psps.push(new StripePsp(STRIPE_KEY, { ...SETTINGS, stripeUrl: url, stripeReturnUrl: '' }));
  });
  after(async () => {
    for (const psp of psps) await psp.close();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  /** No call may reject, and what is said must have the port's types. */
  const mustBeAnswers = async (): Promise<void> => {
    for (const psp of psps) {
      for (const answer of await Promise.all(CALLS.map((call) => call(psp)))) {
        assert.match(answer.outcome, /^(approved|declined|unknown|not_sent)$/);
        const { reference, failureCode } = answer as unknown as Record<string, unknown>;
        for (const text of [reference, failureCode])
          assert.ok(text === null || typeof text === 'string', `${psp.name}: ${body}`);
      }
    }
  };

  it('should be an answer, never an exception, whatever JSON it is', async () => {
    await fc.assert(
      fc.asyncProperty(value, fc.constantFrom(200, 200, 200, 400, 402, 404), async (json, code) => {
        body = JSON.stringify(json);
        status = code;
        await mustBeAnswers();
      }),
      { numRuns: 150 },
    );
  });

  it('should be unknown when it is null, a list, a word, cut or deep', async () => {
    const deep = 20_000;
    for (const text of ['null', '[]', '[[{}]]', '7', '"ok"', '{"a":', '', '\ufeff{}'])
      await mustBeUnknown(text);
    await mustBeUnknown('['.repeat(deep) + ']'.repeat(deep));
    await mustBeUnknown(`${'{"charge":'.repeat(2_000)}null${'}'.repeat(2_000)}`);
  });

  const mustBeUnknown = async (text: string): Promise<void> => {
    body = text;
    for (status of [200, 402, 404]) {
      for (const psp of psps) {
        const answers = await Promise.all(CALLS.map((call) => call(psp)));
        for (const { outcome } of answers)
          assert.equal(outcome, 'unknown', `${psp.name} ${status} ${text.slice(0, 30)}`);
      }
    }
  };
});

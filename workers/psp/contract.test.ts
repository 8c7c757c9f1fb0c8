import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  type Candidate,
  openSimulator,
  openStripe,
  openWallet,
  SETTINGS,
  STRIPE_KEY,
} from '../../ops/fakes/providers.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { openPool } from '../postgres/pool.js';
import type { ChargeRequest, FindRequest, FollowUpRequest, Psp } from './port.js';
import { chargeKey, commandKey } from './port.js';
import { SimulatorPsp } from './simulator/simulator-psp.js';
import { StripePsp } from './stripe/stripe-psp.js';
import { WalletPsp } from './wallet/wallet-psp.js';

const AMOUNT_MINOR = 1_999;
const CARD = '4242424242424242';
const SECRETS = [STRIPE_KEY, 'pi_1_secret_abcdef', 'whsec_abcdef'];
const dir = mkdtempSync(join(tmpdir(), 'tollgate-contract-'));
chmodSync(dir, 0o755);
after(() => rmSync(dir, { recursive: true }));

function payment(checkoutId: string, paymentMethod = 'pm_card_visa'): ChargeRequest {
  return {
    merchant: 'default',
    checkoutId,
    idempotencyKey: chargeKey('default', checkoutId, 1),
    amountMinor: AMOUNT_MINOR,
    currency: 'USD',
    paymentMethod,
  };
}

function followUp(
  charge: ChargeRequest,
  operation: 'cancel' | 'capture' | 'refund',
  reference: string,
  changes: Partial<FollowUpRequest> & { key?: string } = {},
): FollowUpRequest {
  const { merchant, checkoutId, amountMinor, currency } = charge;
  const { key = 'k1', ...others } = changes;
  const idempotencyKey = commandKey(merchant, checkoutId, operation, key);
  return { merchant, checkoutId, amountMinor, currency, idempotencyKey, reference, ...others };
}

function findCharge(charge: ChargeRequest, reference: string | null = null): FindRequest {
  return { ...charge, operation: 'charge', reference };
}

const CANDIDATES = { simulator: openSimulator, stripe: openStripe, wallet: openWallet };

for (const [name, open] of Object.entries(CANDIDATES)) {
  describe(`the contract of providers: ${name}`, { timeout: 120_000 }, () => {
    let candidate: Candidate;
    before(async () => {
      candidate = await open(join(dir, name));
    });
    after(() => candidate.close());

    it('should take one charge for one key, and answer the same again', async () => {
      const request = payment('once', candidate.methods.approved);
      const first = await candidate.psp.charge(request);
      assert.equal(first.outcome, 'approved');
      assert.deepEqual(await candidate.psp.charge(request), first);
      assert.equal(await candidate.captured('once'), 1);
    });

    it('should take one charge when one key comes many times at once', async () => {
      const request = payment('many', candidate.methods.approved);
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => candidate.psp.charge(request)),
      );
      assert.ok(answers.some((answer) => answer.outcome === 'approved'));
      for (const { outcome } of answers) assert.match(outcome, /^(approved|unknown)$/);
      assert.equal(await candidate.captured('many'), 1);
    });

    it('should not say no to a key that came with other parameters: the first may be taken', async () => {
      const request = payment('reused', candidate.methods.approved);
      await candidate.psp.charge(request);
      const other = await candidate.psp.charge({ ...request, amountMinor: 5 });
      assert.deepEqual([other.outcome, other.reference], ['unknown', null]);
      assert.equal(await candidate.captured('reused'), 1);
    });

    it('should decline for good, with its code', async () => {
      const request = payment('declined', candidate.methods.declined);
      for (let i = 0; i < 2; i++) {
        const { outcome, failureCode } = await candidate.psp.charge(request);
        assert.deepEqual([outcome, failureCode], ['declined', candidate.declineCode]);
      }
      const found = await candidate.psp.find(findCharge(request));
      assert.deepEqual([found.outcome, found.failureCode], ['declined', candidate.declineCode]);
      assert.equal(await candidate.captured('declined'), 0);
    });

    it('should find a charge by key and by reference, and say what it has not', async () => {
      const request = payment('found', candidate.methods.approved);
      const { reference } = await candidate.psp.charge(request);
      for (const by of [null, reference]) {
        const found = await candidate.psp.find(findCharge(request, by));
        assert.deepEqual([found.outcome, found.reference], ['approved', reference]);
      }
      const none = await candidate.psp.find(findCharge(payment('none')));
      assert.deepEqual([none.outcome, none.failureCode], ['declined', 'not_found']);
    });

    it('should refund in parts, once a key, and find the refund', async () => {
      const request = payment('back', candidate.methods.approved);
      const { reference } = await candidate.psp.charge(request);
      const part = followUp(request, 'refund', reference!, { amountMinor: 999 });
      const first = await candidate.psp.refund(part);
      assert.equal(first.outcome, 'approved');
      assert.notEqual(first.reference, reference);
      assert.deepEqual(await candidate.psp.refund(part), first);
      const search = { ...part, operation: 'refund' as const };
      const found = await candidate.psp.find(search);
      assert.deepEqual([found.outcome, found.reference], ['approved', first.reference]);
      const other = await candidate.psp.find({
        ...search,
        idempotencyKey: 'default/back/refund/k2',
      });
      assert.deepEqual([other.outcome, other.failureCode], ['declined', 'not_found']);
      const rest = { amountMinor: 1_000, key: 'k3' };
      assert.equal(
        (await candidate.psp.refund(followUp(request, 'refund', reference!, rest))).outcome,
        'approved',
      );
      if (candidate.gaps.includes('refund_bound')) return;
      const over = followUp(request, 'refund', reference!, { amountMinor: 1, key: 'k4' });
      assert.equal((await candidate.psp.refund(over)).failureCode, 'refund_exceeds_charge');
    });

    it('should cancel what is not captured, again and again, and nothing that is', async () => {
      const done = payment('kept', candidate.methods.approved);
      const { reference } = await candidate.psp.charge(done);
      const late = await candidate.psp.cancel(followUp(done, 'cancel', reference!));
      assert.deepEqual([late.outcome, late.failureCode], ['declined', 'already_captured']);
      assert.equal(await candidate.captured('kept'), 1);
      if (candidate.methods.waiting === undefined) return;
      const open = payment('gone', candidate.methods.waiting);
      const waiting = await candidate.psp.charge(open);
      assert.equal(waiting.outcome, 'unknown');
      assert.equal(typeof waiting.nextAction, 'object');
      for (const key of ['k1', 'k1', 'k2']) {
        const request = followUp(open, 'cancel', waiting.reference!, { key });
        assert.equal((await candidate.psp.cancel(request)).outcome, 'approved');
      }
      const found = await candidate.psp.find(findCharge(open, waiting.reference));
      assert.deepEqual([found.outcome, found.failureCode], ['declined', 'canceled']);
      if (candidate.gaps.includes('late_capture')) return;
      const capture = await candidate.psp.capture(followUp(open, 'capture', waiting.reference!));
      assert.deepEqual([capture.outcome, capture.failureCode], ['declined', 'not_capturable']);
    });

    it('should capture what is authorized, and approve it again', async () => {
      const request = payment('held', candidate.methods.approved);
      const reference = candidate.authorize
        ? await candidate.authorize(request)
        : (await candidate.psp.charge(request)).reference!;
      for (const key of ['k1', 'k2']) {
        const answer = await candidate.psp.capture(
          followUp(request, 'capture', reference, { key }),
        );
        assert.deepEqual([answer.outcome, answer.reference], ['approved', reference]);
      }
      assert.equal(await candidate.captured('held'), 1);
    });

    it('should know nothing of a reference that it never gave', async () => {
      const request = payment('stranger');
      for (const operation of ['cancel', 'capture', 'refund'] as const) {
        const answer = await candidate.psp[operation](followUp(request, operation, 'pi_0stranger'));
        assert.deepEqual(
          [answer.outcome, answer.failureCode],
          ['declined', 'not_found'],
          operation,
        );
      }
    });
  });
}

const HTTP: Record<string, (url: string, timeoutMs: number) => Psp> = {
  simulator: (url, pspTimeoutMs) =>
    new SimulatorPsp('simulator', url, { ...SETTINGS, pspTimeoutMs }),
  stripe: (url, pspTimeoutMs) =>
    new StripePsp(STRIPE_KEY, { ...SETTINGS, pspTimeoutMs, stripeUrl: url, stripeReturnUrl: '' }),
};
/** An error as the provider itself writes it. */
const OWN_ERROR: Record<string, (code: string) => object> = {
  simulator: (code) => ({ object: 'simulator_error', error: { code, message: 'said so' } }),
  stripe: (code) => ({ error: { type: 'invalid_request_error', code, message: 'said so' } }),
};
const KEY_CONFLICT: Record<string, object> = {
  simulator: OWN_ERROR['simulator']!('idempotency_key_reuse'),
  stripe: { error: { type: 'idempotency_error', message: 'other parameters' } },
};
const CALLS = {
  charge: (psp: Psp) => psp.charge(payment('x')),
  find: (psp: Psp) => psp.find(findCharge(payment('x'))),
  cancel: (psp: Psp) => psp.cancel(followUp(payment('x'), 'cancel', 'r')),
  capture: (psp: Psp) => psp.capture(followUp(payment('x'), 'capture', 'r')),
  refund: (psp: Psp) => psp.refund(followUp(payment('x'), 'refund', 'r')),
};

for (const [name, open] of Object.entries(HTTP)) {
  describe(`faults between us and a provider: ${name}`, { timeout: 60_000 }, () => {
    let calls = 0;
    /** Each operation against a server that behaves like this: one request each, none repeated. */
    const outcomes = async (handler: RequestListener, timeoutMs = 2_000) => {
      const server = createServer((request, response) => {
        calls++;
        request.resume().on('end', () => handler(request, response));
      });
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      const { port } = server.address() as AddressInfo;
      const psp = open(`http://127.0.0.1:${port}`, timeoutMs);
      calls = 0;
      try {
        const answers = await Promise.all(Object.values(CALLS).map((call) => call(psp)));
        assert.equal(calls, answers.length, 'requests');
        return answers;
      } finally {
        await psp.close();
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    };
    const every = (answers: { outcome: string }[], outcome: string): void =>
      assert.deepEqual(
        answers.map((answer) => answer.outcome),
        answers.map(() => outcome),
      );
    const ownError = (code: string): object => OWN_ERROR[name]!(code);
    const json =
      (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener =>
      (_request, response) =>
        response
          .writeHead(status, { 'content-type': 'application/json', ...headers })
          .end(typeof body === 'string' ? body : JSON.stringify(body));

    it('should say unknown when no answer comes, or the connection is cut', async () => {
      every(await outcomes(() => {}, 150), 'unknown');
      every(await outcomes((request) => request.socket.destroy()), 'unknown');
      every(await outcomes((request) => request.socket.resetAndDestroy()), 'unknown');
    });

    it('should say not_sent when nobody listens', async () => {
      const [port] = (await freePorts(1)) as [number];
      const psp = open(`http://127.0.0.1:${port}`, 2_000);
      every(await Promise.all(Object.values(CALLS).map((call) => call(psp))), 'not_sent');
      await psp.close();
    });

    it('should say unknown to an error of the server, whatever its body', async () => {
      for (const body of ['<html>bad gateway</html>', '{}', '[]', 'null', { error: { code: 'x' } }])
        for (const status of [500, 502, 503]) every(await outcomes(json(status, body)), 'unknown');
    });

    it('should say unknown to an answer that is none', async () => {
      for (const body of ['', '{', 'null', '{}', '"yes"', '[{"status":"succeeded"}]'])
        for (const answer of await outcomes(json(200, body)))
          assert.notEqual(answer.outcome, 'approved', body);
      const [charge] = await outcomes(json(200, '{'));
      assert.equal(charge!.outcome, 'unknown');
    });

    it('should not take who we are, or what else is under way, for the word about a card', async () => {
      for (const status of [401, 403, 409])
        every(await outcomes(json(status, ownError('x'))), 'unknown');
    });

    it('should take no status for the word of the provider when somebody else wrote the body', async () => {
      const foreign = [
        '<html>sorry</html>',
        '',
        '{}',
        { error: 'x' },
        { error: { code: 'not_found' } },
      ];
      for (const status of [300, 400, 402, 404, 407, 408, 410, 413, 421, 422, 424, 425, 429, 451])
        for (const body of foreign)
          for (const answer of await outcomes(json(status, body))) {
            assert.equal(answer.outcome, 'unknown', `${status} ${JSON.stringify(body)}`);
            assert.equal(answer.problem, 'foreign_answer');
            assert.equal(answer.reference, null);
          }
    });

    it('should name a key that came with other parameters, so that it is not sent for hours', async () => {
      const [charge] = await outcomes(json(400, KEY_CONFLICT[name]));
      assert.deepEqual([charge!.outcome, charge!.problem], ['unknown', 'key_conflict']);
    });

    it('should say not_sent to 429, and when to come again', async () => {
      const answers = await outcomes(json(429, ownError('rate_limit'), { 'retry-after': '7' }));
      every(answers, 'not_sent');
      for (const { retryAfterMs } of answers) assert.equal(retryAfterMs, 7_000);
    });

    it('should stop reading an answer that is too large', async () => {
      every(await outcomes(json(200, `{"id":"${'x'.repeat(1_000_000)}"}`)), 'unknown');
    });

    it('should keep no card data and no secret of what was said', async () => {
      const said = [CARD, '4242 4242 4242 4242', ...SECRETS];
      const bodies = [200, 402, 500].map((status) => ({
        status,
        body: {
          id: 'pi_1',
          reference: 'ch_1',
          status: 'succeeded',
          client_secret: SECRETS[1],
          card: { number: CARD, cvc: '123' },
          number: CARD,
          failure_code: said.join(' '),
          last_payment_error: { code: 'x', message: said.join(' ') },
          error: status === 200 ? undefined : { code: 'x', message: said.join(' '), number: CARD },
        },
      }));
      for (const { status, body } of bodies)
        for (const answer of await outcomes(json(status, body))) {
          const kept = JSON.stringify(answer);
          for (const text of said) assert.ok(!kept.includes(text), `${status}: ${kept}`);
          assert.doesNotMatch(kept, /cvc|client_secret/);
        }
      for (const answer of await outcomes(json(500, 'a\0b\ud800')))
        assert.doesNotMatch(JSON.stringify(answer), /\\u0000|\\ud800/);
    });
  });
}

describe('faults between us and a provider: wallet', { timeout: 60_000 }, () => {
  let wallet: Candidate & { readonly url: string };
  before(async () => {
    wallet = await openWallet(join(dir, 'wallet-faults'));
  });
  after(() => wallet.close());

  it('should say unknown when Postgres does not answer in time, and take nothing twice', async () => {
    const pool = openPool(wallet.url, 1);
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query(`select 1 from wallets where name = 'rich' for update`);
    const psp = new WalletPsp({ databaseUrl: wallet.url, pspTimeoutMs: 200 });
    const request = payment('slow', 'wallet_rich');
    assert.equal((await psp.charge(request)).outcome, 'unknown');
    await holder.query('rollback');
    assert.equal((await psp.charge(request)).outcome, 'approved');
    assert.equal(await wallet.captured('slow'), 1);
    holder.release();
    await psp.close();
    await pool.end();
  });

  it('should say not_sent when nobody listens', async () => {
    const [port] = (await freePorts(1)) as [number];
    const databaseUrl = `postgres://nobody@127.0.0.1:${port}/none`;
    const psp = new WalletPsp({ databaseUrl, pspTimeoutMs: 2_000 });
    for (const call of Object.values(CALLS).filter((run) => run !== CALLS.charge))
      assert.equal((await call(psp)).outcome, 'not_sent');
    assert.equal((await psp.charge(payment('x', 'wallet_rich'))).outcome, 'not_sent');
    await psp.close();
  });
});

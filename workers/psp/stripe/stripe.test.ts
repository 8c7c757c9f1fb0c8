import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { processorConfig } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';
import { type KeyLayer, startKeyLayer } from '../../../ops/fakes/key-layer.js';
import { type StandIn, startLocalstripe, startStripeMock } from '../../../ops/fakes/stripe.js';
import { freePorts } from '../../../ops/testing/engine-process.js';
import { readStripeEvent } from '../../webhooks/stripe-event.js';
import type { ChargeRequest, FollowUpRequest, Psp } from '../port.js';
import { minorAmount, stripeAmount } from './amounts.js';
import { StripePsp } from './stripe-psp.js';

interface Fixture {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}
interface EventFixture {
  readonly event: { readonly type: string };
  readonly claim: object;
}
const fixture = (name: string): never =>
  JSON.parse(
    readFileSync(packageFile(`workers/psp/stripe/fixtures/${name}.json`), 'utf8'),
  ) as never;
const ANSWERS = fixture('answers') as Record<string, Fixture>;
const KEY = 'sk_test_fixture';
const CHARGE: ChargeRequest = {
  merchant: 'default',
  checkoutId: 'fixture',
  idempotencyKey: 'default/fixture/charge/1',
  amountMinor: 1_999,
  currency: 'USD',
  paymentMethod: 'pm_card_visa',
};
const FOLLOW_UP: FollowUpRequest = {
  merchant: 'default',
  checkoutId: 'fixture',
  idempotencyKey: 'default/fixture/refund/k1',
  amountMinor: 999,
  currency: 'USD',
  reference: 'pi_3Fixture',
};
const FIND_REFUND = { ...FOLLOW_UP, operation: 'refund' as const };

function open(stripeUrl: string, stripeReturnUrl = ''): StripePsp {
  return new StripePsp(KEY, { ...processorConfig({}), stripeUrl, stripeReturnUrl });
}

describe('Stripe: the shape of every request, judged by stripe-mock', { timeout: 60_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-stripe-mock-'));
  let mock: StandIn;
  let psp: Psp;
  before(async () => {
    const [port] = (await freePorts(1)) as [number];
    mock = await startStripeMock(port, join(dir, 'stripe-mock.log'));
    psp = open(mock.url, 'https://shop.example/back');
  });
  after(async () => {
    await psp.close();
    await mock.stop();
    rmSync(dir, { recursive: true });
  });

  it('should be taken, operation by operation', async () => {
    const plain = open(mock.url);
    const answers = {
      charge: await psp.charge(CHARGE),
      'charge without a way back': await plain.charge(CHARGE),
      'find by reference': await psp.find({ ...CHARGE, operation: 'charge', reference: 'pi_1' }),
      'find by key': await psp.find({ ...CHARGE, operation: 'charge', reference: null }),
      'find of a refund': await psp.find(FIND_REFUND),
      refund: await psp.refund(FOLLOW_UP),
      cancel: await psp.cancel(FOLLOW_UP),
      capture: await psp.capture(FOLLOW_UP),
    };
    await plain.close();
    for (const [name, answer] of Object.entries(answers))
      assert.equal(answer.httpStatus, 200, `${name}: ${JSON.stringify(answer.response)}`);
    assert.match(answers.refund.reference ?? '', /^re_/);
    assert.match(answers.cancel.reference ?? '', /^pi_/);
  });

  it('should be judged at all: a parameter that Stripe has not is refused', async () => {
    const body = new URLSearchParams({ amount: '1', currency: 'usd', no_such_thing: '1' });
    const headers = { authorization: `Bearer ${KEY}` };
    const response = await fetch(`${mock.url}/v1/payment_intents`, {
      method: 'POST',
      headers,
      body,
    });
    assert.equal(response.status, 400);
  });
});

describe('Stripe: an error that its key replays, with localstripe behind our key layer', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-localstripe-'));
  let localstripe: StandIn;
  let layer: KeyLayer;
  let psp: StripePsp;
  before(async () => {
    const [port] = (await freePorts(1)) as [number];
    localstripe = await startLocalstripe(port, join(dir, 'localstripe.log'));
    layer = await startKeyLayer(localstripe.url);
    psp = open(layer.url);
  });
  after(async () => {
    await psp.close();
    await layer.close();
    await localstripe.stop();
    rmSync(dir, { recursive: true });
  });

  it('should stay unknown for the same key, be not found, and be charged by the next attempt', async () => {
    const { status, body } = ANSWERS['internal_error']!;
    layer.failNext = { status, body: JSON.stringify(body) };
    for (let i = 0; i < 3; i++) assert.equal((await psp.charge(CHARGE)).outcome, 'unknown');
    assert.equal(layer.calls, 3);
    assert.equal(psp.replaysErrors, true);
    const found = await psp.find({ ...CHARGE, operation: 'charge', reference: null });
    assert.deepEqual([found.outcome, found.failureCode], ['declined', 'not_found']);
    const next = { ...CHARGE, idempotencyKey: 'default/fixture/charge/2' };
    const charged = await psp.charge(next);
    assert.equal(charged.outcome, 'approved');
    const again = await psp.find({ ...next, operation: 'charge', reference: null });
    assert.equal(again.reference, charged.reference);
  });
});

describe('Stripe: answers by fixture', { timeout: 60_000 }, () => {
  let server: Server;
  let psp: StripePsp;
  let answers: Fixture[] = [];
  let requests: IncomingMessage[] = [];
  /** The next requests are answered so, in order. */
  const willAnswer = (...names: string[]): void => {
    answers = names.map((name) => ANSWERS[name]!);
    requests = [];
  };
  beforeEach(async () => {
    server = createServer((request, response) => {
      requests.push(request);
      const { status, headers, body } = answers.shift()!;
      request
        .resume()
        .on('end', () => response.writeHead(status, headers).end(JSON.stringify(body)));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    psp = open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    await psp.close();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  for (const [name, outcome, failureCode] of [
    ['succeeded', 'approved', null],
    ['processing', 'unknown', null],
    ['requires_capture', 'unknown', null],
    ['canceled', 'declined', 'canceled'],
    ['declined', 'declined', 'insufficient_funds'],
    ['no_such_method', 'declined', 'resource_missing'],
    ['internal_error', 'unknown', null],
    ['key_reused', 'unknown', null],
    ['key_in_use', 'unknown', null],
    ['lock_timeout', 'not_sent', null],
    ['wrong_key', 'unknown', null],
  ] as const) {
    it(`should take ${name} for ${outcome}`, async () => {
      willAnswer(name);
      const answer = await psp.charge(CHARGE);
      assert.deepEqual([answer.outcome, answer.failureCode], [outcome, failureCode]);
      assert.equal(requests.length, 1);
      assert.equal(answer.httpStatus, ANSWERS[name]!.status);
      assert.doesNotMatch(JSON.stringify(answer), /_secret_|9995|sk_test/);
    });
  }

  it('should send the key, and nothing about us but what the call needs', async () => {
    willAnswer('succeeded');
    await psp.charge(CHARGE);
    const { headers } = requests[0]!;
    assert.equal(headers['idempotency-key'], CHARGE.idempotencyKey);
    assert.equal(headers['x-stripe-client-telemetry'], undefined);
    assert.doesNotMatch(`${headers['x-stripe-client-user-agent']}`, /platform|telemetry_id/);
  });

  it('should name the charge that was declined, and say when to come again', async () => {
    willAnswer('declined', 'lock_timeout');
    assert.equal((await psp.charge(CHARGE)).reference, 'pi_3Fixture');
    assert.equal((await psp.charge(CHARGE)).retryAfterMs, 2_000);
  });

  it('should hand the payer the whole link, or tell which of Stripe’s actions waits', async () => {
    willAnswer('action_redirect', 'action_sdk');
    const redirect = await psp.charge(CHARGE);
    assert.equal(redirect.outcome, 'unknown');
    assert.deepEqual(redirect.nextAction, {
      type: 'redirect',
      url: 'https://hooks.stripe.com/3d_secure_2/hosted?merchant=acct_1&payment_intent=pi_3Fixture&payment_intent_client_secret=pi_3Fixture_secret_forThePayer',
    });
    assert.doesNotMatch(JSON.stringify(redirect.response), /secret/);
    const sdk = await psp.charge(CHARGE);
    assert.deepEqual(sdk.nextAction, { type: 'use_stripe_sdk', reference: 'pi_3Fixture' });
  });

  it('should look at the intent when a cancel or a capture is refused', async () => {
    willAnswer('cancel_refused', 'canceled');
    assert.equal((await psp.cancel(FOLLOW_UP)).outcome, 'approved');
    willAnswer('cancel_refused', 'succeeded');
    assert.equal((await psp.cancel(FOLLOW_UP)).failureCode, 'already_captured');
    willAnswer('cancel_refused', 'canceled');
    assert.equal((await psp.capture(FOLLOW_UP)).failureCode, 'not_capturable');
    willAnswer('cancel_refused', 'succeeded');
    assert.equal((await psp.capture(FOLLOW_UP)).outcome, 'approved');
    willAnswer('no_such_intent');
    assert.equal((await psp.cancel(FOLLOW_UP)).failureCode, 'not_found');
  });

  for (const [name, outcome, failureCode] of [
    ['refund_succeeded', 'approved', null],
    ['refund_pending', 'unknown', null],
    ['refund_failed', 'declined', 'expired_or_canceled_card'],
    ['refund_too_large', 'declined', 'refund_exceeds_charge'],
    ['refund_again', 'declined', 'refund_exceeds_charge'],
    ['no_such_intent', 'declined', 'not_found'],
    ['internal_error', 'unknown', null],
  ] as const) {
    it(`should take ${name} of a refund for ${outcome}`, async () => {
      willAnswer(name);
      const answer = await psp.refund(FOLLOW_UP);
      assert.deepEqual([answer.outcome, answer.failureCode], [outcome, failureCode]);
    });
  }

  it('should prefer what was paid among several of one key, and doubt a list that goes on', async () => {
    willAnswer('two_of_a_key', 'refund_pages');
    const found = await psp.find({ ...CHARGE, operation: 'charge', reference: null });
    assert.deepEqual([found.outcome, found.reference], ['approved', 'pi_3Paid']);
    assert.equal((await psp.find(FIND_REFUND)).outcome, 'unknown');
  });

  it('should not send an amount that Stripe counts otherwise and cannot hold', async () => {
    willAnswer();
    for (const [amountMinor, currency] of [
      [150, 'MGA'],
      [1_234, 'KWD'],
    ] as const) {
      const answer = await psp.charge({ ...CHARGE, amountMinor, currency });
      assert.deepEqual([answer.outcome, answer.failureCode], ['declined', 'amount_not_supported']);
    }
    assert.equal(requests.length, 0);
  });
});

describe('Stripe: amounts and events', () => {
  it('should say the same sum in Stripe’s units, and back', () => {
    for (const [minor, currency, stripe] of [
      [1_999, 'USD', 1_999],
      [500, 'JPY', 500],
      [1_500, 'ISK', 150_000],
      [1_500, 'UGX', 150_000],
      [1_500, 'MGA', 15],
      [1_230, 'KWD', 1_230],
    ] as const) {
      assert.equal(stripeAmount(minor, currency), stripe, currency);
      assert.equal(minorAmount(stripe, currency), minor, currency);
    }
    assert.equal(stripeAmount(1, 'ZZZ'), undefined);
    for (const currency of ['BHD', 'JOD', 'KWD', 'OMR', 'TND']) {
      assert.equal(stripeAmount(1_234, currency), undefined, currency);
      assert.equal(minorAmount(1_234, currency), 1_234, 'what Stripe says is read as it is');
    }
  });

  for (const { event, claim } of fixture('events') as EventFixture[]) {
    it(`should read ${event.type} as ${JSON.stringify(claim)}`, () => {
      const expected = { kind: 'claim', claim: { type: event.type, ...claim } };
      assert.deepEqual(readStripeEvent(event as never), expected);
    });
  }
});

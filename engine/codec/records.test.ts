import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  acceptedAt,
  receivedAt,
  sameFingerprint,
  statusFingerprint,
  statusVersion,
  webhookPayment,
} from './in-place.js';
import {
  type CheckoutAccepted,
  checkoutAccepted,
  paymentStatus,
  type WebhookReceived,
  webhookReceived,
} from './records.js';
import { fingerprint64 } from './single-object.js';

const checkout: fc.Arbitrary<CheckoutAccepted> = fc.record({
  fingerprint: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
  shard: fc.nat(4095),
  accepted_at: fc.integer({ min: 0, max: 2 ** 45 }),
  merchant: fc.string(),
  checkout_id: fc.string(),
  amount: fc.integer({ min: 1, max: 999_999_999_999 }),
  currency: fc.constant('USD'),
  payment_method: fc.string(),
  provider: fc.constant('auto'),
  description: fc.option(fc.string({ unit: 'grapheme' })),
  metadata: fc
    .dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.string())
    .map((entry) => ({ ...entry })),
});

const webhook: fc.Arbitrary<WebhookReceived> = fc.record({
  provider: fc.string(),
  event_id: fc.string({ maxLength: 300 }),
  shard: fc.nat(4095),
  received_at: fc.integer({ min: 0, max: 2 ** 45 }),
  merchant: fc.option(fc.string()),
  checkout_id: fc.option(fc.string()),
  body: fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
});

describe('the Avro records', () => {
  it('should find in place when a webhook came, and the payment that it names', () => {
    fc.assert(
      fc.property(webhook, (received) => {
        const bytes = webhookReceived.encode(received);
        assert.equal(receivedAt(bytes), received.received_at);
        const isNamed = received.merchant !== null && received.checkout_id !== null;
        assert.equal(
          webhookPayment(bytes),
          isNamed ? `${received.merchant}/${received.checkout_id}` : undefined,
        );
      }),
    );
  });

  it('should have the fingerprint that the Avro specification gives for "int"', () => {
    assert.equal(fingerprint64(Buffer.from('"int"')), 0x7275d51a3f395c8fn);
  });

  it('should read back what they wrote, and compare fields in place', () => {
    fc.assert(
      fc.property(checkout, checkout, (a, b) => {
        const bytes = checkoutAccepted.encode(a);
        const read = checkoutAccepted.decode(bytes);
        assert.deepEqual({ ...read, metadata: { ...read.metadata } }, { ...a });
        assert.equal(acceptedAt(bytes), a.accepted_at);
        assert.equal(
          sameFingerprint(bytes, checkoutAccepted.encode(b)),
          a.fingerprint.equals(b.fingerprint),
        );
      }),
    );
  });

  it('should be encoded into a slot to the byte as avsc does it', () => {
    const wild = fc.record({
      record: checkout,
      text: fc.option(fc.string({ unit: 'binary', maxLength: 300 })),
      shard: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      at: fc.integer({ min: -(2 ** 51), max: 2 ** 51 }),
      metadata: fc.dictionary(
        fc.string({ unit: 'binary' }).filter((text) => text !== '__proto__'),
        fc.string({ unit: 'binary' }),
      ),
      room: fc.nat(40),
    });
    fc.assert(
      fc.property(wild, ({ record, text, shard, at, metadata, room }) => {
        const entry = { ...record, shard, accepted_at: at, description: text, metadata };
        const expected = checkoutAccepted.encode(entry);
        const slot = Buffer.alloc(expected.length + 4_000, 0xee);
        const end = checkoutAccepted.encodeInto(entry, slot, 7);
        assert.deepEqual(slot.subarray(7, end), expected);
        assert.ok(slot.subarray(end).every((byte) => byte === 0xee));
        const tight = Buffer.alloc(expected.length + room);
        assert.equal(checkoutAccepted.encodeInto(entry, tight, 0), expected.length);
      }),
      { numRuns: 500 },
    );
  });

  it('should encode nothing that it cannot decode to the same record', () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true });
    const fields = Object.keys(fc.sample(checkout, 1)[0]!) as (keyof CheckoutAccepted)[];
    const field = fc.constantFrom(...fields, 'metadata value' as const);
    const slot = Buffer.alloc(1 << 20);
    let refused = 0;
    fc.assert(
      fc.property(checkout, field, anything, (record, name, value) => {
        const odd = (
          name === 'metadata value'
            ? { ...record, metadata: { a: value } }
            : { ...record, [name]: value }
        ) as CheckoutAccepted;
        for (const encode of [
          () => checkoutAccepted.encode(odd),
          () => slot.subarray(0, checkoutAccepted.encodeInto(odd, slot, 0)),
        ]) {
          let bytes: Buffer;
          try {
            bytes = encode();
          } catch {
            refused++;
            continue;
          }
          const read = checkoutAccepted.decode(bytes);
          assert.deepEqual(checkoutAccepted.encode(read), Buffer.from(bytes));
          assert.deepEqual({ ...read.metadata }, { ...odd.metadata });
        }
      }),
      { numRuns: 2_000 },
    );
    assert.ok(refused > 1_000, `${refused} of 4 000 were refused`);
  });

  it('should refuse damaged and foreign bytes with a code', () => {
    const status = paymentStatus.encode({
      version: 300,
      fingerprint: null,
      shard: 0,
      merchant: 'default',
      checkout_id: 'a',
      status: 'processing',
      provider: 'simulator',
      provider_reference: null,
      failure_code: null,
      refunded_amount: 0,
      disputed_amount: 0,
      next_action: null,
      updated_at: 1,
      history: [],
    });
    assert.equal(statusVersion(status), 300);
    assert.equal(statusFingerprint(status), undefined);
    const named = { ...paymentStatus.decode(status), fingerprint: Buffer.alloc(32, 7) };
    assert.deepEqual(statusFingerprint(paymentStatus.encode(named)), Buffer.alloc(32, 7));
    assert.throws(() => checkoutAccepted.decode(status), { code: 'undecodable' });
    assert.throws(() => paymentStatus.decode(status.subarray(0, 14)), { code: 'undecodable' });
  });
});

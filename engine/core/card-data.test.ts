import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hasCardNumber } from './card-data.js';
import { hasCardData, isCardField } from './card-fields.js';
import { maskCardData, maskCardValues } from './card-mask.js';

/** Published test numbers of every brand. */
const PUBLISHED = [
  ...['4242424242424242', '4000056655665556', '4222222222222', '5555555555554444'],
  ...['2223003122003222', '378282246310005', '6011111111111117', '3056930009020004'],
  ...['36227206271667', '3566002020360505', '6200000000000005', '6205500000000000004'],
  ...['6555900000604105', '6759649826438453', '2200000000000004'],
];
const PREFIXES: readonly (readonly [string, number])[] = [
  ...([
    ['4', 13],
    ['4', 16],
    ['4', 19],
    ['51', 16],
    ['55', 16],
    ['2221', 16],
  ] as const),
  ...([
    ['2720', 16],
    ['34', 15],
    ['37', 15],
    ['305', 14],
    ['36', 14],
    ['38', 16],
  ] as const),
  ...([
    ['6011', 16],
    ['649', 16],
    ['65', 19],
    ['3528', 16],
    ['3589', 16],
  ] as const),
  ...([
    ['62', 17],
    ['62', 19],
    ['5018', 13],
    ['6763', 18],
    ['2204', 16],
  ] as const),
];

function withCheckDigit(start: string): string {
  const sum = [...start].reverse().reduce((total, digit, i) => {
    const it = i % 2 === 0 ? Number(digit) * 2 : Number(digit);
    return total + (it > 9 ? it - 9 : it);
  }, 0);
  return `${start}${(10 - (sum % 10)) % 10}`;
}

const card = fc
  .tuple(fc.constantFrom(...PREFIXES), fc.array(fc.nat(9), { minLength: 19, maxLength: 19 }))
  .map(([[prefix, length], rest]) =>
    withCheckDigit(`${prefix}${rest.join('')}`.slice(0, length - 1)),
  );
const separator = fc.constantFrom(' ', '-', '.', '_', '  ', ' - ', '\u00a0', '\u2011', '\u200b');
const written = fc
  .tuple(card, separator, fc.constantFrom('whole', 'fours', 'singles'))
  .map(([digits, mark, way]) => {
    if (way === 'whole') return digits;
    return digits.match(way === 'fours' ? /.{1,4}/g : /./g)!.join(mark);
  });
/** Words, not digests: 32 hexadecimal letters around a number make it part of one. */
const around = fc.string({ unit: fc.constantFrom(...'xyz ,:;/?"(\n€é'), maxLength: 30 });

describe('card numbers', () => {
  it('should be found for every brand', () => {
    for (const it of PUBLISHED) assert.ok(hasCardNumber(it), it);
  });

  it('should be found however they are grouped and whatever stands around them', () => {
    fc.assert(
      fc.property(around, written, around, (before, it, after) => {
        assert.ok(hasCardNumber(`${before}/${it}/${after}`), it);
      }),
      { numRuns: 2_000 },
    );
  });

  it('should be found beside other groups of digits, and in full-width digits', () => {
    assert.ok(hasCardNumber('2026-11-24 4242 4242 4242 4242 12/28 123'));
    assert.ok(hasCardNumber('order 1234 4242424242424242'));
    assert.ok(hasCardNumber('４２４２ ４２４２ ４２４２ ４２４２'));
    assert.ok(hasCardNumber('pm_4242424242424242'));
    assert.ok(hasCardNumber('a4242424242424242b'));
    assert.ok(hasCardNumber('%B4242424242424242^DOE/JANE^2812101?'));
  });

  it('should not be seen when one digit is another', () => {
    fc.assert(
      fc.property(card, fc.nat(12), fc.integer({ min: 1, max: 9 }), (it, at, by) => {
        const other = it.slice(0, at) + ((Number(it[at]) + by) % 10) + it.slice(at + 1);
        assert.ok(!hasCardNumber(other), other);
      }),
    );
  });

  it('should not be seen in time stamps, snowflake ids, UUIDs, digests and traces', () => {
    const since = Date.parse('2010-01-01');
    const now = fc.integer({ min: Date.parse('2017-01-01'), max: Date.parse('2033-01-01') });
    const hex = fc.string({
      unit: fc.constantFrom(...'0123456789abcdef'),
      minLength: 32,
      maxLength: 32,
    });
    fc.assert(
      fc.property(now, fc.nat(4_194_303), fc.uuid(), hex, (ms, low, uuid, digest) => {
        const twitter = ((BigInt(ms) - 1_288_834_974_657n) << 22n) | BigInt(low);
        const discord = ((BigInt(ms) - 1_420_070_400_000n) << 22n) | BigInt(low);
        const iso = new Date(Math.max(ms, since)).toISOString();
        for (const it of [
          ...[`${ms}`, `${ms}${low % 1000}`, `${BigInt(ms) * 1_000_000n}`, `${twitter}`],
          ...[iso, iso.replace(/\D/g, '').slice(0, 14), `order-${iso.slice(0, 10)}-${low}`],
          ...[uuid, `x${digest}a`, `00-${digest}a-${digest.slice(0, 16)}-01`],
        ])
          assert.ok(!hasCardNumber(it), it);
        if (ms > Date.parse('2022-01-01')) assert.ok(!hasCardNumber(`${discord}`), `${discord}`);
      }),
      { numRuns: 5_000 },
    );
    for (const it of ['+4915112345679', '+4915112345670', '10.0.113.204', '1999.00', ''])
      assert.ok(!hasCardNumber(it), it);
  });
});

describe('fields and codes by name', () => {
  it('should be known in every spelling', () => {
    for (const name of [
      ...['cvv', 'CVV2', 'cvc', 'card_cvc', 'cardCvv', 'card-number', 'cardNumber', 'card no'],
      ...['pan', 'PAN', 'customer_pan', 'track1', 'track2_data', 'security_code', 'cc-number'],
      ...['primaryAccountNumber', 'billing.card.number', 'verification_value', 'pin_block'],
    ])
      assert.ok(isCardField(name), name);
    for (const name of [
      ...['order', 'company', 'japan', 'tracking_number', 'account', 'cardholder', 'card_brand'],
      ...['card_last4', 'cvc_check', 'number', 'pin', 'postcode', 'success', 'soundtrack1', ''],
    ])
      assert.ok(!isCardField(name), name);
    for (const it of ['cvv 123', 'CVC: 1234', 'my cvv is 123', 'security code=999', 'x-cvv-123'])
      assert.ok(hasCardData(it), it);
    for (const it of ['cvv', 'cvv 12', 'cvc 12345', 'acvv 123', 'Hotel 123'])
      assert.ok(!hasCardData(it), it);
  });
});

describe('masking', () => {
  const clean = (text: string): boolean => !hasCardData(text);

  it('should leave nothing to be found, and the last four', () => {
    fc.assert(
      fc.property(around, written, around, (before, it, after) => {
        const masked = maskCardData(`${before}/${it}/${after}`);
        assert.ok(clean(masked), masked);
        assert.ok(masked.replace(/\D/g, '').endsWith(it.replace(/\D/g, '').slice(-4)), masked);
      }),
    );
  });

  it('should keep JSON JSON: numbers, names, escapes, fields', () => {
    const event = String.raw`{"id":"e1","n":4242424242424242,"m":[6205500000000000004],"4242424242424242":1,
      "e":"\u0034242424242424242","card":{"number":"4242 4242 4242 4242","cvc":"123","exp":12},"t":"cvv 999"}`;
    const masked = maskCardData(event);
    const tree = JSON.parse(masked);
    assert.equal(tree.id, 'e1');
    assert.equal(tree.n, '************4242');
    assert.deepEqual(tree.card, { number: '**** **** **** 4242', cvc: '***', exp: 12 });
    assert.doesNotMatch(masked, /42424242|4242 4242|6205500|999|123/);
  });

  it('should give what holds no card data back as it was', () => {
    const bytes = Buffer.from(
      '{"id": "pi_1", "created_at": 1764000000000, "card": {"last4": "4242"}}',
    );
    assert.equal(maskCardData(bytes), bytes);
    const answer = { reference: 'ch_1', card: { brand: 'visa', last4: '4242' }, at: 1764000000000 };
    assert.deepEqual(maskCardValues(answer), answer);
    assert.equal(maskCardValues(null), null);
  });

  it('should mask bytes, plain text, and survive deep nesting', () => {
    assert.equal(
      `${maskCardData(Buffer.from('card 4242424242424242.'))}`,
      'card ************4242.',
    );
    const deep = `${'['.repeat(5_000)}"4242424242424242"${']'.repeat(5_000)}`;
    assert.ok(clean(maskCardData(deep)));
  });
});

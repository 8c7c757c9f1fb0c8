import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CARD_LIKE } from './card-brands.js';
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
    const value = i % 2 === 0 ? Number(digit) * 2 : Number(digit);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return `${start}${(10 - (sum % 10)) % 10}`;
}

/** Numerical Recipes' linear congruential generator: the same ids in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const card = fc
  .tuple(fc.constantFrom(...PREFIXES), fc.array(fc.nat(9), { minLength: 19, maxLength: 19 }))
  .map(([[prefix, length], rest]) =>
    withCheckDigit(`${prefix}${rest.join('')}`.slice(0, length - 1)),
  );
const isOnlyKnownInGroups = (digits: string): boolean =>
  digits.length > 16 && /^(4|6011|64|65)/.test(digits);
const separator = fc.constantFrom(
  ...[' ', '-', '.', '_', '/', ',', ':', '\n', '  ', '        ', ' - ', '\r\n\t'],
  ...['\u00a0', '\u2011', '\u200b', '\u2212', '\ufeff'],
);
const written = fc
  .tuple(card, separator, fc.constantFrom('whole', 'fours', 'singles'))
  .map(([digits, mark, way]) => {
    if (way === 'whole' && !isOnlyKnownInGroups(digits)) return digits;
    return digits.match(way === 'fours' ? /.{1,4}/g : /./g)!.join(mark);
  });
/** Words, not digests: 32 hexadecimal letters around a number make it part of one. */
const around = fc.string({ unit: fc.constantFrom(...'xyz ,:;/?"(\n€é'), maxLength: 30 });

const REFUSED: readonly (readonly [text: string, why: string])[] = [
  ['2026-11-24 4242 4242 4242 4242 12/28 123', 'beside a date, an expiry date and a code'],
  ['order 1234 4242424242424242', 'behind another group'],
  ['４２４２ ４２４２ ４２４２ ４２４２', 'in full-width digits'],
  ['٤٢٤٢ ٤٢٤٢ ٤٢٤٢ ٤٢٤٢', 'in Arabic-Indic digits'],
  ['۴۲۴۲۴۲۴۲۴۲۴۲۴۲۴۲', 'in Persian digits'],
  ['४२४२४२४२४२४२४२४२', 'in Devanagari digits'],
  ['𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐𝟒𝟐', 'in mathematical digits'],
  ['pm_4242424242424242', 'behind a prefix'],
  ['a4242424242424242b', 'between letters'],
  ['%B4242424242424242^DOE/JANE^2812101?', 'in track 1'],
  [';4111111111111111=26122011234567890?', 'in track 2'],
  ['4111111111111111D26122011234567890F', 'in the track 2 equivalent of EMV'],
  ['tok_deadbeefdeadbeef4111111111111111', 'behind hexadecimal letters'],
  ['41111111111111111226', 'with its expiry date MMYY in one run'],
  ['41111111111111112612', 'with its expiry date YYMM in one run'],
  ['4111111111111111122026', 'with its expiry date MMYYYY in one run'],
  ['3782822463100051226', 'American Express with an expiry date in one run'],
  ['4242\n4242\n4242\n4242', 'in lines'],
  ['4242/4242/4242/4242', 'with slashes'],
  ['4242,4242,4242,4242', 'with commas'],
  ['4242, 4242, 4242, 4242', 'as a list'],
  ['4242:4242:4242:4242', 'with colons'],
  ['4242    4242    4242    4242', 'with several blanks'],
  ['4242\u22124242\u22124242\u22124242', 'with minus signs'],
  ['4242\ufeff4242\ufeff4242\ufeff4242', 'with byte order marks'],
  ['4242 4242 4242 42 42', 'in groups of 4-4-4-2-2'],
  ['4242 42 42 4242 4242', 'in groups of 4-2-2-4-4'],
  ['3782 822463 10005', 'in the groups of American Express'],
  ['3056 930902 5904', 'in the groups of Diners Club'],
  ['424242 4242424242', 'in groups of 6-10'],
  ['42 42 42 42 42 42 42 42', 'pair by pair'],
  ['4-2-4-2-4-2-4-2-4-2-4-2-4-2-4-2', 'digit by digit'],
  ['4000 0000 0000 0000 006', 'a Visa number of 19 digits in groups'],
  ['6205500000000000004', 'a UnionPay number of 19 digits'],
  ['{"n":4242424242424242}', 'as a JSON number'],
  ['id=4242424242424242&x=1', 'in a query'],
  ['https://pay.example/4242424242424242/x', 'in a path'],
  ['4222222222222', 'of 13 digits'],
  ['é4242424242424242é', 'between letters that are not ASCII'],
];
const PASSED: readonly (readonly [text: string, why: string])[] = [
  ['4242424242424241', 'a number with a wrong check digit'],
  ['1234567890123456', 'a number that no brand issues'],
  ['+4915112345679', 'a phone number'],
  ['+4915112345670', 'another phone number'],
  ['10.0.113.204', 'an address'],
  ['1999.00', 'an amount'],
  ['', 'nothing'],
  ['30/11/2026 12:30:45', 'a date that begins like Diners Club'],
  ['2026-11-24T12:30:45.123Z', 'an ISO date'],
  ['20261124123045', 'a compact date'],
  ['1764000000000', 'Unix milliseconds'],
  ['1764000000000000', 'Unix microseconds'],
  ['1764000000000000000', 'Unix nanoseconds'],
  ['4000000000000000006', 'a 19-digit id that begins with 4'],
  ['6011000000000000001', 'a 19-digit id that begins like Discover'],
  ['142424242424242424', 'a longer number around one'],
  ['42424242424242429999', 'a number with four digits behind it that are no date'],
  ['4242 4242 4242 424', 'too few digits'],
  ['550e8400-e29b-41d4-a716-446655440000', 'a UUID'],
  ['00000000-0000-4242-4242-424242424242', 'a UUID of digits'],
  ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08', 'a SHA-256'],
  ['4bf92f3577b34da6a3ce929d0e0e4736', 'a trace id'],
  ['5,5,5,5,5,5,5,5,5,5,5,5,5,5', 'a list of digits of no brand'],
  ['192.168.100.200:8080', 'an address with a port'],
  ['DE89 3704 0044 0532 0130 00', 'an IBAN'],
  ['978-3-16-148410-0', 'an ISBN'],
  ['+1 (415) 555-2671 ext 4242', 'a phone number with an extension'],
];

describe('card numbers', () => {
  it('should be found for every brand', () => {
    for (const text of PUBLISHED) assert.ok(hasCardNumber(text), text);
  });

  it('should be found however they are grouped and whatever stands around them', () => {
    fc.assert(
      fc.property(around, written, around, (before, text, after) => {
        assert.ok(hasCardNumber(`${before}/${text}/${after}`), text);
      }),
      { numRuns: 2_000 },
    );
  });

  for (const [text, why] of REFUSED)
    it(`should be found: ${why}`, () => assert.ok(hasCardNumber(text), text));
  for (const [text, why] of PASSED)
    it(`should not be seen in ${why}`, () => assert.ok(!hasCardNumber(text), text));

  it('should be hidden in the logs of nginx wherever the search finds one', () => {
    const pattern = new RegExp(CARD_LIKE);
    const inPath = fc.constantFrom('/', '-', '_', '--', '/-');
    const ways = fc.constantFrom(/.+/g, /.{1,4}/g, /./g, /.{1,2}/g, /.{1,6}/g, /^.{4}|.{1,5}/g);
    fc.assert(
      fc.property(card, inPath, ways, (digits, mark, way) => {
        const path = `/payments/a${digits.match(way)!.join(mark)}`;
        fc.pre(hasCardNumber(path));
        assert.match(path, pattern);
      }),
      { numRuns: 2_000 },
    );
    for (const id of ['order-2026-11-24-0001-12345', 'b2f1c9a5-9d3e-4b07-8d55-0c9a3d1f7e21'])
      assert.doesNotMatch(`/payments/${id}`, pattern);
  });

  it('should not be seen when one digit is another', () => {
    fc.assert(
      fc.property(card, fc.nat(12), fc.integer({ min: 1, max: 9 }), (text, at, by) => {
        // 19 digits may be 15 of another card and an expiry date.
        fc.pre(text.length < 19);
        const other = text.slice(0, at) + ((Number(text[at]) + by) % 10) + text.slice(at + 1);
        assert.ok(!hasCardNumber(other), other);
      }),
    );
  });

  it('should refuse few random ids, and the figures that pci.md states', () => {
    const random = seeded(7);
    const digits = (count: number) => () =>
      Array.from({ length: count }, () => Math.floor(random() * 10)).join('');
    const hex = (count: number) => () =>
      Array.from({ length: count }, () => Math.floor(random() * 16).toString(16)).join('');
    const word = () => BigInt(Math.floor(random() * 2 ** 32));
    const rates: [string, number, () => string][] = [
      ['16 digits', 0.03, digits(16)],
      ['17 digits', 0.004, digits(17)],
      ['18 digits', 0.004, digits(18)],
      ['19 digits', 0.004, digits(19)],
      ['63 bits', 0.004, () => `${((word() << 32n) | word()) >> 1n}`],
      ['64 bits', 0.004, () => `${(word() << 32n) | word()}`],
      ['32 hexadecimal digits', 0.0002, hex(32)],
      ['64 hexadecimal digits', 0.0002, hex(64)],
    ];
    for (const [name, max, make] of rates) {
      let refused = 0;
      const tries = 40_000;
      for (let i = 0; i < tries; i++) if (hasCardNumber(make())) refused++;
      assert.ok(refused / tries < max, `${name}: ${refused} of ${tries}`);
    }
  });

  it('should not be seen in time stamps, snowflake ids and UUIDs', () => {
    const since = Date.parse('2010-01-01');
    const now = fc.integer({ min: Date.parse('2017-01-01'), max: Date.parse('2033-01-01') });
    fc.assert(
      fc.property(now, fc.nat(4_194_303), fc.uuid(), (ms, low, uuid) => {
        const twitter = ((BigInt(ms) - 1_288_834_974_657n) << 22n) | BigInt(low);
        const discord = ((BigInt(ms) - 1_420_070_400_000n) << 22n) | BigInt(low);
        const iso = new Date(Math.max(ms, since)).toISOString();
        for (const text of [
          ...[`${ms}`, `${ms}${low % 1000}`, `${BigInt(ms) * 1_000_000n}`, `${twitter}`],
          ...[iso, iso.replace(/\D/g, '').slice(0, 14), `order-${iso.slice(0, 10)}-${low}`],
          ...[uuid, uuid.toUpperCase(), `order_${uuid}`],
        ])
          assert.ok(!hasCardNumber(text), text);
        if (ms > Date.parse('2022-01-01')) assert.ok(!hasCardNumber(`${discord}`), `${discord}`);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('fields and codes by name', () => {
  it('should be known in every spelling', () => {
    for (const name of [
      ...['cvv', 'CVV2', 'cvc', 'card_cvc', 'cardCvv', 'card-number', 'cardNumber', 'card no'],
      ...['pan', 'PAN', 'customer_pan', 'track1', 'track2_data', 'security_code', 'cc-number'],
      ...['primaryAccountNumber', 'billing.card.number', 'verification_value', 'pin_block'],
      ...['cid', 'CID', 'mycvv', 'my_cvv', 'cvv_1', 'cvv2_2', 'cvc-3', 'theCardCvc', 'cvv code'],
      ...['emv_tag57', 'tag57', 'tag_5a', 'emvTag9F6B', 'track2_equivalent_data', 'card.pin'],
    ])
      assert.ok(isCardField(name), name);
    for (const name of [
      ...['order', 'company', 'japan', 'tracking_number', 'account', 'cardholder', 'card_brand'],
      ...['client_id', 'cid_hash', 'incident', 'tag', 'tag_1', 'tag5', 'placid', 'cvv_result'],
      ...['card_last4', 'cvc_check', 'number', 'pin', 'postcode', 'success', 'soundtrack1', ''],
    ])
      assert.ok(!isCardField(name), name);
    for (const text of ['cvv 123', 'CVC: 1234', 'my cvv is 123', 'security code=999', 'x-cvv-123'])
      assert.ok(hasCardData(text), text);
    for (const text of ['cvv', 'cvv 12', 'cvc 12345', 'acvv 123', 'Hotel 123'])
      assert.ok(!hasCardData(text), text);
  });
});

describe('masking', () => {
  const clean = (text: string): boolean => !hasCardData(text);

  it('should leave nothing to be found, and the last four', () => {
    fc.assert(
      fc.property(around, written, around, (before, text, after) => {
        const masked = maskCardData(`${before}/${text}/${after}`);
        assert.ok(clean(masked), masked);
        assert.ok(masked.replace(/\D/g, '').endsWith(text.replace(/\D/g, '').slice(-4)), masked);
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

  it('should keep JSON JSON wherever the digits stand in it', () => {
    const events = [
      '{"amount":-4242424242424242}',
      '{"amount":4242424242424242e-9}',
      '{"amount":-4242424242424242.0806e-27}',
      '{"amount":0.4242424242424242}',
      '{"note":"[4242424242424242, 4242424242424242]"}',
      '{"note":"paid with, 4242424242424242, today"}',
    ];
    for (const event of events) {
      const masked = maskCardData(event);
      assert.doesNotThrow(() => JSON.parse(masked), masked);
      assert.ok(!hasCardData(masked), masked);
      assert.match(masked, /\*{4}/);
    }
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

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { packageFile } from '../../../engine/util/paths.js';
import { eventCase, type Target } from './fuzz-events.js';
import { wrongAnswer } from './fuzz-judge.js';
import { read } from './fuzz-message.js';
import { Random } from './fuzz-random.js';
import { bytesOfDraft, postOf, requestCase } from './fuzz-requests.js';
import type { WireResult } from './fuzz-wire.js';
import { RAW_ANSWERS, rawAnswersOf } from './raw-answers.js';

/** Of the proof's short form. */
const REQUESTS = 2_500;
const EVENTS = 1_000;
const TARGET: Target = {
  ...{ id: 'target', provider: 'simulator', reference: 'ch_1', isReferenceKnown: true },
  ...{ amount: 1_999, currency: 'USD', status: 'processing' },
};
const GOOD = { amount: 1, currency: 'USD', payment_method: 'pm_card_visa' };

const caseOf = (seed: number, n: number) => requestCase(new Random(seed, n), `fz-${n}`, 'fz-0');

describe('the inputs of the fuzz proof', () => {
  it('should be the same for the same seed and number, whatever else was made', () => {
    const forwards = [1, 2, 3].map((n) => caseOf(7, n).bytes.toString('hex'));
    const backwards = [3, 2, 1].map((n) => caseOf(7, n).bytes.toString('hex'));
    assert.deepEqual(forwards, backwards.reverse());
    assert.notEqual(forwards[0], caseOf(8, 1).bytes.toString('hex'));
  });

  for (const seed of [1, 2, 3]) {
    it(`should hold the kinds that ended processes of 0.3.0, with the seed ${seed}`, () => {
      const found = { lineBreak: 0, noText: 0, longName: 0, surrogate: 0, prototype: 0 };
      for (let n = 0; n < REQUESTS; n++) {
        const metadata = metadataOf(caseOf(seed, n).bytes);
        for (const [name, value] of Object.entries(metadata)) {
          if (/[\n\r\u2028\u2029]/.test(name)) {
            found.lineBreak++;
            if (typeof value !== 'string') found.noText++;
          }
          if ([...name].length > 40) found.longName++;
          if (!name.isWellFormed()) found.surrogate++;
          if (Object.hasOwn(Object.prototype, name)) found.prototype++;
        }
      }
      for (const [kind, count] of Object.entries(found)) assert.ok(count > 0, `${kind}: none`);
      const secrets = { simulator: 'a', stripe: 'b' };
      const events = Array.from({ length: EVENTS }, (_, n) =>
        eventCase(new Random(seed, n), n, [TARGET], secrets).body.toString(),
      );
      assert.ok(events.some((text) => text.includes('"requires_action"')));
    });
  }
});

describe('the judge of the fuzz proof', () => {
  const judge = (body: object, result: WireResult): string | undefined => {
    const bytes = bytesOfDraft(postOf('fz-1', Buffer.from(JSON.stringify(body))));
    return wrongAnswer(read(bytes), result, rawAnswersOf({ bytes, cuts: [] }));
  };
  const answer = (status: number, body: object, headers: object = {}): WireResult => ({
    status,
    headers: new Map(Object.entries({ 'content-type': 'application/problem+json', ...headers })),
    body: Buffer.from(JSON.stringify(body)),
  });
  const problem = (status: number, code: string): WireResult =>
    answer(status, { type: 't', title: 't', detail: 'd', instance: '/', status, code, errors: [] });
  const accepted = (change: object = {}): WireResult =>
    answer(
      202,
      {
        ...{ object: 'payment', payment_checkout_id: 'fz-1', status: 'pending' },
        ...{ ...GOOD, provider: 'auto', ...change },
      },
      { location: '/payments/fz-1' },
    );

  it('should let a right answer pass', () => {
    assert.equal(judge(GOOD, accepted()), undefined);
    assert.equal(judge({ ...GOOD, amount: 0 }, problem(400, 'invalid_request')), undefined);
  });

  it('should find a 202 for what the contract refuses, or with other values', () => {
    const bad: object[] = [
      { ...GOOD, metadata: { 'a\nb': 42 } },
      { ...GOOD, metadata: { ['a'.repeat(41)]: '' } },
      { ...GOOD, metadata: { a: '\ud800' } },
      { ...GOOD, description: null },
      { ...GOOD, amount: 1.5 },
      { ...GOOD, more: 1 },
    ];
    for (const body of bad) assert.match(judge(body, accepted()) ?? '', /must be refused/);
    assert.match(judge(GOOD, accepted({ amount: 2 })) ?? '', /amount is 2/);
  });

  it('should find a refusal of what the contract allows', () => {
    assert.match(judge(GOOD, problem(400, 'invalid_request')) ?? '', /allows/);
  });

  it('should find undocumented answers, and none', () => {
    assert.match(judge({}, problem(400, 'no_such_code')) ?? '', /no_such_code/);
    assert.match(judge({}, problem(404, 'invalid_request')) ?? '', /404/);
    assert.match(judge({}, problem(500, 'internal_error')) ?? '', /500/);
    assert.match(judge({}, answer(400, {}, { 'content-type': 'text/html' })) ?? '', /problem/);
    assert.match(judge(GOOD, 'closed') ?? '', /closed/);
    assert.match(judge(GOOD, 'silent') ?? '', /silent/);
  });

  it('should have docs/reference/http.md list each input that the HTTP library answers', () => {
    const page = readFileSync(packageFile('docs/reference/http.md'), 'utf8');
    for (const { input } of RAW_ANSWERS) assert.ok(page.includes(`- ${input}\n`), input);
  });

  it('should let the HTTP library answer only what its table names', () => {
    const html: WireResult = { status: 505, headers: new Map(), body: Buffer.alloc(0) };
    assert.match(judge(GOOD, html) ?? '', /505/);
    const draft = postOf('fz-1', Buffer.from('{}'));
    const bytes = bytesOfDraft({ ...draft, version: 'HTTP/1.0' });
    const raw = rawAnswersOf({ bytes, cuts: [] });
    assert.equal(wrongAnswer(read(bytes), html, raw), undefined);
  });
});

/** Of a checkout, as JSON.parse reads it. */
function metadataOf(bytes: Buffer): object {
  const body = read(bytes)?.body;
  try {
    const { metadata } = JSON.parse(body?.toString() ?? '') as { metadata?: unknown };
    return typeof metadata === 'object' && metadata !== null ? metadata : {};
  } catch {
    return {};
  }
}

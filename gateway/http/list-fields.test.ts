import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hasToken, matchesTag, preferredWait } from './list-fields.js';

describe('Prefer (RFC 7240)', () => {
  for (const [field, seconds] of [
    ['wait=10', 10],
    ['Wait = 10', 10],
    ['wait="10"', 10],
    ['respond-async, wait=7', 7],
    ['wait=7; foo="a, b"', 7],
    ['foo="a;b"; bar, wait=3', 3],
    ['foo="\\", wait=9", wait=4', 4],
    ['wait=5, wait=9', 5],
    [', ,wait=5,', 5],
    ['wait=99999999999999999999', Number.MAX_SAFE_INTEGER],
  ] as const)
    it(`should wait for ${field}`, () => assert.equal(preferredWait(field), seconds));

  for (const field of [
    '',
    'respond-async',
    'foo; wait=10',
    'foo="wait=10"',
    'foo="a, wait=10"',
    'await=10',
    'wait',
    'wait=""',
    'wait=-1',
    'wait=1.5',
    'wait=ten, wait=5',
    'wait=10 20',
    'wait="10',
    '"wait=10"',
  ])
    it(`should not wait for ${field || 'nothing'}`, () => assert.equal(preferredWait(field), 0));
});

describe('If-None-Match (RFC 9110)', () => {
  for (const field of [
    '"v1"',
    'W/"v1"',
    '*',
    ' * ',
    '"a", "v1"',
    '"a,b","v1"',
    '"a,\\", W/"v1"',
    ', "v1" ,,"c"',
    '"", "v1"',
  ])
    it(`should match ${field}`, () => assert.ok(matchesTag(field, '"v1"')));

  for (const field of [
    '',
    'v1',
    '"v2"',
    '"a, "v1""',
    '"a,v1"',
    'w/"v1"',
    'W/ "v1"',
    '"v1" "v2"',
    '"v1", x',
    '"v1',
    '*, "v1"',
    '"*"',
  ])
    it(`should not match ${field || 'nothing'}`, () => assert.ok(!matchesTag(field, '"v1"')));

  it('should find a tag in every list that has it, whatever the others are', () => {
    const tag = fc.stringMatching(/^(W\/)?"[!#-~]{0,8}"$/);
    fc.assert(
      fc.property(fc.array(tag), fc.array(tag), (before, after) => {
        assert.ok(matchesTag([...before, '"v1"', ...after].join(' , '), '"v1"'));
        const others = [...before, ...after].filter((other) => !other.endsWith('"v1"'));
        assert.ok(!matchesTag(others.join(','), '"v1"'));
      }),
    );
  });
});

describe('Connection', () => {
  it('should be a list of tokens in any case', () => {
    for (const field of ['close', 'Close', 'x, close', 'x,CLOSE ,y'])
      assert.ok(hasToken(field, 'close'));
    for (const field of ['', 'keep-alive', 'closed', 'x close'])
      assert.ok(!hasToken(field, 'close'));
  });
});

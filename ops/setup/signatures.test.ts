import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judge } from './signatures.js';

describe("the registry's signatures", () => {
  it('should refuse packages whose signature is wrong or missing, and name them', () => {
    const bad = (name: string) => ({ name, version: '1.0.0', registry: 'https://example.com/' });
    assert.deepEqual(judge(JSON.stringify({ invalid: [bad('a')], missing: [bad('b')] })), {
      kind: 'refused',
      packages: ['a@1.0.0', 'b@1.0.0'],
    });
    assert.deepEqual(judge('{"invalid":[],"missing":[]}'), { kind: 'signed' });
  });

  it('should not take a failed audit for a passed one', () => {
    const failed = { error: { code: 'ENOTFOUND', summary: 'no network' } };
    assert.deepEqual(judge(JSON.stringify(failed)), { kind: 'unknown', why: 'no network' });
    assert.equal(judge('').kind, 'unknown');
    assert.equal(judge('{}').kind, 'unknown');
  });
});

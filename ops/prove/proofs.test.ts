import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROOFS, prove } from './proofs.js';

describe('the proofs, in their short form', () => {
  for (const proof of PROOFS) {
    it(`should show that ${proof.shows}`, { timeout: 300_000 }, async () => {
      assert.equal(await prove(proof, true, console.log), undefined);
    });
  }
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { packageFile } from '../engine/core/paths.js';
import { benchAccept } from './accept.js';
import { benchCdc } from './cdc.js';

// Whether the targets are reached is judged by `make bench`, on a quiet machine.
for (const [suite, run] of [
  ['accept', () => benchAccept(1, 1)],
  ['cdc', () => benchCdc(1, 10_000)],
] as const) {
  it(`should measure ${suite} beside its rival in one run`, { timeout: 120_000 }, async () => {
    await run();
    const results = JSON.parse(readFileSync(packageFile(`bench/results/${suite}.json`), 'utf8'));
    for (const row of results.rows) assert.ok(row.ratio > 0 && row.ours[0] > 0, row.name);
  });
}

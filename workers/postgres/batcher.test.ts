import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { Batcher } from './batcher.js';

interface Row {
  readonly key: string;
}

function refusal(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('refused', 7, 'error');
  error.code = code;
  return error;
}

/** Twenty rows of which `r7` makes every statement that it is in fail by `error`. */
async function write(error: Error): Promise<{ results: string[]; statements: number }> {
  let statements = 0;
  const batcher = new Batcher<Row, string>(async (rows) => {
    statements++;
    if (rows.some((row) => row.key === 'r7')) throw error;
    return rows.map((row) => row.key);
  }, 100);
  const rows = Array.from({ length: 20 }, (_, i) => batcher.add({ key: `r${i}` }));
  const settled = await Promise.allSettled(rows);
  const results = settled.map((result) =>
    result.status === 'fulfilled' ? result.value : 'refused',
  );
  return { results, statements };
}

describe('a batch with one bad row', () => {
  for (const [what, error] of [
    ['a value that the table refuses', refusal('22P05')],
    ['a key too long for an index', refusal('54000')],
    ['an exception of a trigger', refusal('P0001')],
    ['an internal error of Postgres', refusal('XX000')],
    ['an exception in our own code', new RangeError('beyond 2^53')],
  ] as const) {
    it(`should refuse that row alone: ${what}`, async () => {
      const { results } = await write(error);
      const expected = Array.from({ length: 20 }, (_, i) => (i === 7 ? 'refused' : `r${i}`));
      assert.deepEqual(results, expected);
    });
  }

  for (const [what, error] of [
    ['a shutdown', refusal('57P01')],
    ['a read-only standby', refusal('25006')],
    ['a lost connection', new Error('Connection terminated unexpectedly')],
    ['a refused one', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
  ] as const) {
    it(`should wait for Postgres and refuse nothing: ${what}`, async () => {
      let tries = 0;
      const batcher = new Batcher<Row, string>(async (rows) => {
        if (++tries <= 3) throw error;
        return rows.map((row) => row.key);
      }, 100);
      assert.deepEqual(await Promise.all([batcher.add({ key: 'a' }), batcher.add({ key: 'b' })]), [
        'a',
        'b',
      ]);
      assert.equal(tries, 4);
    });
  }
});

/**
 * Run by wal-follower.test.ts: writes synced batches to the database named by the first
 * argument until it is killed, and reports each durable sequence on its standard output
 * after the write has returned.
 */
import { writeSync } from 'node:fs';
import { openTestDatabase, writeBatch } from './wal-fixture.js';

const STDOUT = 1;
const db = await openTestDatabase(process.argv[2] ?? '', 4 << 20);
for (let i = 0; ; i++) {
  writeSync(STDOUT, `${writeBatch(db, 1 + ((i * 7) % 90))}\n`);
}

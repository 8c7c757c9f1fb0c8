import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../util/errors.js';
import { checkWal } from './integrity.js';
import { archiveDir, listWalFiles, oldestLiveWal, walName } from './wal-directory.js';
import {
  isRecordOf,
  logStart,
  openTestDatabase,
  temporaryFolder,
  writeBatch,
} from './wal-fixture.js';
import { WalFollower } from './wal-follower.js';
import { locate, type WalPosition } from './wal-position.js';

const CHILD = fileURLToPath(new URL('./wal-crash-child.js', import.meta.url));

/** Reads all that is durable; every record must be the right one, each sequence once. */
class Reader {
  readonly #follower: WalFollower;
  next: number;

  constructor(dbDir: string, from: WalPosition = logStart(dbDir)) {
    this.#follower = new WalFollower(dbDir, from);
    this.next = from.sequence;
    after(() => this.#follower.close());
  }

  get position(): WalPosition {
    return this.#follower.position;
  }

  readTo(durable: number): void {
    while (
      this.#follower.readBatch(durable, (record, batch) => {
        assert.equal(record.sequence, this.next++);
        assert.ok(isRecordOf(record), `record ${record.sequence}`);
        assert.ok(batch.sequence <= record.sequence);
      })
    );
    assert.equal(this.next, durable + 1);
  }
}

describe('the follower of a log that RocksDB writes', () => {
  it('should hand out all that is written, in order, while files change and move away', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    const db = await openTestDatabase(dbDir, 1 << 20);
    const reader = new Reader(dbDir);
    let durable = 0;
    for (let i = 0; i < 400; i++) {
      durable = writeBatch(db, 1 + ((i * 31) % 60));
      if (i % 3 === 0) reader.readTo(durable);
    }
    reader.readTo(durable);
    const files = listWalFiles(dbDir);
    assert.ok(files.length > 3 && files.some((file) => file.archived), `${files.length} files`);
    new Reader(dbDir).readTo(durable);
    await db.close();
  });

  it('should read no further than the durable sequence, nor a part of a batch', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    const db = await openTestDatabase(dbDir);
    const first = writeBatch(db, 10);
    const second = writeBatch(db, 20);
    const follower = new WalFollower(dbDir, logStart(dbDir));
    const seen: number[] = [];
    const read = (durable: number): boolean =>
      follower.readBatch(durable, (cursor) => seen.push(cursor.sequence));
    assert.equal(read(first - 1), false);
    assert.equal(read(first), true);
    assert.equal(read(second - 1), false);
    assert.equal(seen.length, first);
    assert.equal(read(second), true);
    assert.deepEqual([seen.length, seen.at(-1), read(second)], [second, second, false]);
    follower.close();
    await db.close();
  });

  it('should go on from any position it gave, over clean stops and reopening', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    let reader: Reader | undefined;
    let durable = 0;
    for (let life = 0; life < 5; life++) {
      const db = await openTestDatabase(dbDir);
      reader = new Reader(dbDir, reader?.position);
      for (let i = 0; i < 30 * (life % 2); i++) durable = writeBatch(db, 1 + i);
      reader.readTo(durable);
      await db.close();
    }
    assert.ok(durable > 900);
    for (const sequence of [1, 17, 500, durable]) {
      const from = locate(dbDir, sequence)!;
      assert.ok(from.sequence <= sequence);
      new Reader(dbDir, from).readTo(durable);
    }
    assert.equal(locate(dbDir, durable + 1)?.sequence, durable + 1);
    assert.equal(locate(dbDir, durable + 2), undefined);
  });

  it('should refuse a gap, and damage below the durable sequence', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    let durable = 0;
    for (let life = 0; life < 3; life++) {
      const db = await openTestDatabase(dbDir);
      durable = writeBatch(db, 50);
      await db.close();
    }
    const numbers = listWalFiles(dbDir).map((file) => file.number);
    rmSync(join(archiveDir(dbDir), walName(numbers[1]!)));
    const follower = new WalFollower(dbDir, { file: numbers[0]!, offset: 0, sequence: 1 });
    assert.equal(
      follower.readBatch(durable, () => {}),
      true,
    );
    assert.throws(() => follower.readBatch(durable, () => {}), isEngineError);
    follower.close();
    truncateSync(join(archiveDir(dbDir), walName(numbers[0]!)), 700);
    const torn = new WalFollower(dbDir, { file: numbers[0]!, offset: 0, sequence: 1 });
    assert.throws(
      () => torn.readBatch(durable, () => assert.fail('a record of a torn batch')),
      isEngineError,
    );
    torn.close();
  });

  it('should lose nothing of a process that is killed while it writes, life after life', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    let reader: Reader | undefined;
    for (let life = 0; life < 4; life++) {
      reader = await followUntilKilled(dbDir, reader);
      const mark = { volume: 'v', sequence: reader.next - 1, oldestFile: oldestLiveWal(dbDir)! };
      const { lastSequence } = checkWal({ dbDir, volume: 'v', mark });
      assert.ok(lastSequence >= mark.sequence);
    }
    const db = await openTestDatabase(dbDir);
    assert.ok(db.sequence >= reader!.next - 1);
    const durable = writeBatch(db, 100);
    reader!.readTo(durable);
    new Reader(dbDir).readTo(durable);
    await db.close();
  });
});

/** Starts a writer, follows what it reports durable, and kills it after a while. */
async function followUntilKilled(dbDir: string, previous: Reader | undefined): Promise<Reader> {
  const child = spawn(process.execPath, [CHILD, dbDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  after(() => child.kill('SIGKILL'));
  let reader = previous;
  let durable = 0;
  const killAt = (previous?.next ?? 0) + 20_000;
  for await (const line of createInterface({ input: child.stdout })) {
    durable = Number(line);
    reader ??= new Reader(dbDir);
    const news = durable - reader.next;
    if (news > 50) reader.readTo(durable);
    if (durable > killAt && !child.killed) child.kill('SIGKILL');
  }
  assert.ok(reader);
  // What is read past the kill was reported durable before it.
  reader.readTo(Math.max(durable, reader.next - 1));
  return new Reader(dbDir, reader.position);
}

function isEngineError(error: unknown): boolean {
  return (
    error instanceof EngineError && ['wal_gap', 'wal_damaged', 'wal_missing'].includes(error.code)
  );
}

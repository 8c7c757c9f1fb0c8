import assert from 'node:assert/strict';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { EngineError } from '../util/errors.js';
import type { Checkpoint } from './checkpoint.js';
import { checkWal, type WalCheckResult } from './integrity.js';
import { archiveDir, listWalFiles, oldestLiveWal, walName } from './wal-directory.js';
import {
  encodeBatch,
  LogImage,
  openTestDatabase,
  putWal,
  temporaryFolder,
  writeBatch,
} from './wal-fixture.js';
import { locate } from './wal-position.js';
import type { Mark } from './wal-state.js';

const VOLUME = 'volume-a';

function mark(sequence: number, oldestFile = 0): Mark {
  return { volume: VOLUME, sequence, oldestFile };
}

function check(dbDir: string, kept: { mark?: Mark; checkpoint?: Checkpoint } = {}): WalCheckResult {
  return checkWal({ dbDir, volume: VOLUME, ...kept });
}

function refuses(code: string, pattern: RegExp, run: () => unknown): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof EngineError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  });
}

/** Where file `number` is now. */
function pathOf(dbDir: string, number: number): string {
  const live = join(dbDir, walName(number));
  return existsSync(live) ? live : join(archiveDir(dbDir), walName(number));
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 0x10;
  writeFileSync(path, bytes);
}

/** A database that was opened three times and closed cleanly: the first two files are archived. */
async function threeLives(dbDir: string): Promise<number> {
  let last = 0;
  for (let life = 0; life < 3; life++) {
    const db = await openTestDatabase(dbDir);
    for (let i = 1; i <= 20; i++) last = writeBatch(db, i);
    await db.close();
  }
  return last;
}

describe('the check of a log that RocksDB wrote', () => {
  it('should pass an empty folder, a clean stop, reopening without a write, and any number of lives', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    assert.deepEqual(check(dbDir), {
      firstSequence: 0,
      lastSequence: 0,
      files: 0,
      records: 0,
      tornTails: 0,
    });
    const last = await threeLives(dbDir);
    assert.equal(last, 630);
    for (let i = 0; i < 3; i++) await (await openTestDatabase(dbDir)).close();
    const files = listWalFiles(dbDir);
    const progress: number[] = [];
    const oldestFile = oldestLiveWal(dbDir)!;
    const kept = {
      mark: mark(last, oldestFile),
      checkpoint: { ...locate(dbDir, last + 1)!, volume: VOLUME },
    };
    const result = checkWal({
      dbDir,
      volume: VOLUME,
      mark: kept.mark,
      onProgress: (done) => progress.push(done),
    });
    assert.deepEqual(result, {
      firstSequence: 1,
      lastSequence: last,
      files: files.length,
      records: last,
      tornTails: 0,
    });
    assert.ok(progress.length === files.length && files.length >= 6);
    const fromCheckpoint = check(dbDir, kept);
    assert.ok(fromCheckpoint.files < files.length && fromCheckpoint.lastSequence === last);
  });

  it('should refuse when any file that holds records is gone', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    const last = await threeLives(dbDir);
    const files = listWalFiles(dbDir);
    const expected = ['wal_missing', 'wal_missing', 'wal_behind_mark'];
    const checkpoint = { ...locate(dbDir, 5)!, volume: VOLUME };
    assert.equal(files.length, 3);
    for (const [index, { number }] of files.entries()) {
      const path = pathOf(dbDir, number);
      renameSync(path, `${path}.away`);
      refuses(expected[index]!, /TOLLGATE_ACCEPT_LOSS/, () =>
        check(dbDir, { mark: mark(last), checkpoint }),
      );
      renameSync(`${path}.away`, path);
    }
    assert.equal(check(dbDir, { mark: mark(last), checkpoint }).lastSequence, last);
  });

  it('should refuse when a published file is gone that RocksDB may need to open', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    const last = await threeLives(dbDir);
    const [, second, third] = listWalFiles(dbDir).map((file) => file.number);
    const checkpoint = { ...locate(dbDir, last + 1)!, volume: VOLUME };
    assert.equal(checkpoint.file, third);
    rmSync(pathOf(dbDir, second!));
    assert.equal(check(dbDir, { mark: mark(last, third), checkpoint }).lastSequence, last);
    refuses('wal_missing', new RegExp(walName(second!)), () =>
      check(dbDir, { mark: mark(last, second), checkpoint }),
    );
  });

  it('should refuse the end of a log that was cut below the mark, and take one above it', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    const last = await threeLives(dbDir);
    const { number } = listWalFiles(dbDir).at(-1)!;
    const end = locate(dbDir, last + 1)!.offset;
    const lastBatch = locate(dbDir, last)!;
    truncateSync(pathOf(dbDir, number), end - 1);
    refuses(
      'wal_damaged',
      new RegExp(`offset ${lastBatch.offset}.*sequences ${lastBatch.sequence} to ${last}`),
      () => check(dbDir, { mark: mark(last) }),
    );
    const torn = check(dbDir, { mark: mark(lastBatch.sequence - 1) });
    assert.deepEqual([torn.lastSequence, torn.tornTails], [lastBatch.sequence - 1, 1]);
    truncateSync(pathOf(dbDir, number), lastBatch.offset);
    refuses('wal_behind_mark', /was acknowledged/, () => check(dbDir, { mark: mark(last) }));
    refuses('wal_behind_mark', /old copy/, () =>
      check(dbDir, {
        checkpoint: { file: number, offset: end, sequence: last + 1, volume: VOLUME },
      }),
    );
  });

  it('should take a torn tail that RocksDB went on from, and refuse a flip that it skipped', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    const before = await threeLives(dbDir);
    const torn = listWalFiles(dbDir).at(-1)!.number;
    const lastBatch = locate(dbDir, before)!;
    truncateSync(pathOf(dbDir, torn), locate(dbDir, before + 1)!.offset - 3);
    const db = await openTestDatabase(dbDir);
    assert.equal(db.sequence, lastBatch.sequence - 1);
    const last = writeBatch(db, 40);
    await db.close();
    const result = check(dbDir, { mark: mark(last) });
    assert.deepEqual([result.lastSequence, result.tornTails], [last, 1]);

    flip(pathOf(dbDir, torn), locate(dbDir, lastBatch.sequence - 30)!.offset + 20);
    refuses('wal_damaged', new RegExp(walName(torn)), () => check(dbDir, { mark: mark(last) }));
    await (await openTestDatabase(dbDir)).close();
    refuses('wal_damaged', new RegExp(walName(torn)), () => check(dbDir, { mark: mark(last) }));
  });

  it('should refuse a mark, a checkpoint and a file of another volume', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    const last = await threeLives(dbDir);
    const checkpoint = { ...locate(dbDir, last - 25)!, volume: VOLUME };
    refuses('wrong_volume', /mark.*volume-b.*volume-a/, () =>
      check(dbDir, { mark: { ...mark(1), volume: 'volume-b' } }),
    );
    refuses('wrong_volume', /checkpoint/, () =>
      check(dbDir, { checkpoint: { ...checkpoint, volume: 'volume-b' } }),
    );
    check(dbDir, { checkpoint });
    refuses('wal_damaged', /contradicts/, () =>
      check(dbDir, { checkpoint: { ...checkpoint, offset: checkpoint.offset + 1 } }),
    );
  });

  it('should pass while files of a small memtable move to the archive', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    const db = await openTestDatabase(dbDir, 1 << 20);
    let last = 0;
    for (let i = 0; i < 150; i++) {
      last = writeBatch(db, 60);
      if (i % 10 === 0)
        assert.equal(check(dbDir, { mark: mark(last, oldestLiveWal(dbDir)) }).lastSequence, last);
    }
    await db.close();
    assert.ok(readdirSync(archiveDir(dbDir)).length > 2);
    assert.equal(check(dbDir, { mark: mark(last) }).lastSequence, last);
  });
});

describe('the check of a log made by hand', () => {
  const dbDir = temporaryFolder(after);
  const COUNTS = [3, 120, 1, 0, 60, 1, 2, 97, 1, 1];

  function build(): {
    bytes: Buffer;
    starts: number[];
    firsts: number[];
    last: number;
    image: LogImage;
  } {
    const image = new LogImage();
    const firsts: number[] = [];
    let sequence = 1;
    for (const count of COUNTS) {
      firsts.push(sequence);
      image.add(encodeBatch(sequence, count));
      sequence += count;
    }
    return {
      bytes: image.toBuffer(),
      starts: [0, ...image.ends.slice(0, -1)],
      firsts,
      last: sequence - 1,
      image,
    };
  }

  it('should find every flipped bit that has a batch behind it, or lies below the mark', () => {
    const { bytes, last, image } = build();
    const lastStart = image.ends.at(-2)!;
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: bytes.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        (at, bit) => {
          const flipped = Buffer.from(bytes);
          flipped[at]! ^= 1 << bit;
          putWal(dbDir, 4, flipped);
          if (at >= lastStart) {
            assert.equal(check(dbDir).tornTails, 1);
            refuses('wal_damaged', /acknowledged/, () => check(dbDir, { mark: mark(last) }));
          } else {
            refuses('wal_damaged', /behind it at offset/, () => check(dbDir));
          }
        },
      ),
      { numRuns: 1_500 },
    );
  });

  it('should take a cut at any byte as a torn tail, unless the mark is beyond it', () => {
    const { bytes, last } = build();
    for (let cut = 0; cut < bytes.length; cut += 211) {
      putWal(dbDir, 4, bytes.subarray(0, cut));
      const { lastSequence, tornTails } = check(dbDir);
      assert.ok(lastSequence < last && tornTails <= 1);
      assert.equal(check(dbDir, { mark: mark(lastSequence) }).lastSequence, lastSequence);
      assert.throws(() => check(dbDir, { mark: mark(lastSequence + 1) }), EngineError);
    }
  });

  it('should take unordered blocks of one unsynced batch as torn', () => {
    const image = new LogImage().add(encodeBatch(1, 5));
    const start = image.bytes;
    const bytes = image.add(encodeBatch(6, 300)).toBuffer();
    assert.ok(bytes.length > 3 * 32_768);
    bytes.fill(0, start, 32_768);
    putWal(dbDir, 4, bytes);
    assert.deepEqual([check(dbDir).lastSequence, check(dbDir).tornTails], [5, 1]);
    refuses('wal_damaged', /header of zeros/, () => check(dbDir, { mark: mark(6) }));
  });

  it('should find a batch behind the damage although the block splits its header', () => {
    for (let head = 0; head < 12; head++) {
      const image = new LogImage().add(encodeBatch(1, 2));
      const first = image.bytes;
      const filler = 32_768 - 7 - head - first - 7;
      image.add(logDataBatch(3, filler));
      const bytes = image.add(encodeBatch(3, 4)).toBuffer();
      bytes[first + 10]! ^= 1;
      putWal(dbDir, 4, bytes);
      refuses('wal_damaged', /sequence 3 is behind it/, () => check(dbDir));
    }
  });

  it('should refuse sequences that go back or leave one out, within a file and between two', () => {
    const folder = temporaryFolder(after);
    putWal(folder, 4, new LogImage().add(encodeBatch(1, 5)).add(encodeBatch(7, 5)).toBuffer());
    refuses('wal_missing', /sequences 6 to 6/, () => check(folder));
    putWal(folder, 4, new LogImage().add(encodeBatch(1, 5)).toBuffer());
    putWal(folder, 9, new LogImage().add(encodeBatch(5, 5)).toBuffer());
    refuses('wal_damaged', /two histories/, () => check(folder));
    putWal(folder, 9, new LogImage().add(encodeBatch(8, 5)).toBuffer());
    refuses('wal_missing', /6 to 7.*000004.log.*000009.log/, () => check(folder));
    putWal(folder, 9, new LogImage().add(encodeBatch(6, 0)).add(encodeBatch(6, 5)).toBuffer());
    assert.equal(check(folder).lastSequence, 10);
    putWal(folder, 4, Buffer.alloc(0));
    refuses('wal_missing', /2 to 5/, () =>
      check(folder, { mark: mark(1), checkpoint: undefined! }),
    );
  });
});

/** A batch of no records whose payload is `bytes` long. */
function logDataBatch(sequence: number, bytes: number): Buffer {
  const length = bytes - 12 - 4;
  const batch = Buffer.concat([encodeBatch(sequence, 0), Buffer.alloc(bytes - 12)]);
  batch.set([0x3, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14], 12);
  return batch;
}
// x

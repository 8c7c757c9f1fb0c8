import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { EngineError } from '../util/errors.js';
import { Next, WalFileReader } from './wal-file-reader.js';
import { encodeBatch, isRecordOf, LogImage, putWal, temporaryFolder } from './wal-fixture.js';
import { BLOCK_BYTES, maskedCrc32c } from './wal-format.js';
import { WriteBatchCursor } from './write-batch.js';

const dbDir = temporaryFolder(after);
const FILE = 7;
/** Counts that bring batches of every kind: one record, hundreds, many blocks. */
const COUNTS = fc.array(
  fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 300 })),
  {
    minLength: 1,
    maxLength: 12,
  },
);

interface Outcome {
  readonly status: number;
  /** Last sequence of the whole batches read. */
  readonly last: number;
  readonly problemOffset: number;
}

/** Reads a whole file; every record handed out must be the right one, in order. */
function readAll(bytes: Buffer, chunkBytes = BLOCK_BYTES, file = FILE): Outcome {
  putWal(dbDir, file, bytes);
  const reader = WalFileReader.open(dbDir, file, 0, chunkBytes);
  assert.ok(reader);
  const cursor = new WriteBatchCursor();
  let expected = 1;
  try {
    for (;;) {
      const status = reader.next();
      if (status !== Next.batch)
        return { status, last: expected - 1, problemOffset: reader.problemOffset };
      cursor.reset(reader.bytes, reader.start, reader.end);
      while (cursor.next()) {
        assert.equal(cursor.sequence, expected++);
        assert.ok(isRecordOf(cursor), `record ${cursor.sequence}`);
      }
      assert.equal(cursor.problem, undefined);
    }
  } finally {
    reader.close();
  }
}

function imageOf(
  counts: readonly number[],
  logNumber?: number,
): { image: LogImage; lasts: number[] } {
  const image = new LogImage(logNumber);
  const lasts: number[] = [];
  let sequence = 1;
  for (const count of counts) {
    image.add(encodeBatch(sequence, count));
    sequence += count;
    lasts.push(sequence - 1);
  }
  return { image, lasts };
}

/** The last sequence of the batches that end at or before `offset`. */
function lastBefore(image: LogImage, lasts: number[], offset: number): number {
  const whole = image.ends.filter((end) => end <= offset).length;
  return whole === 0 ? 0 : lasts[whole - 1]!;
}

describe('the reader of a log file', () => {
  it('should compute the checksum of RocksDB: masked crc32c', () => {
    assert.equal(
      maskedCrc32c(Buffer.from('123456789')),
      ((((0xe3069283 >>> 15) | (0xe3069283 << 17)) >>> 0) + 0xa282ead8) % 2 ** 32,
    );
  });

  it('should read back every batch, with any chunk size and either kind of header', () => {
    fc.assert(
      fc.property(
        COUNTS,
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        (counts, chunks, recyclable) => {
          const { image, lasts } = imageOf(counts, recyclable ? FILE : undefined);
          const outcome = readAll(image.toBuffer(), chunks * BLOCK_BYTES);
          assert.equal(outcome.status, Next.end);
          assert.equal(outcome.last, lasts.at(-1));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('should read batches that end near the end of a block, at every distance', () => {
    for (let rest = 0; rest <= 40; rest++) {
      const image = new LogImage();
      image
        .add(logData(BLOCK_BYTES - 7 - rest))
        .add(encodeBatch(1, 3))
        .add(encodeBatch(4, 3));
      const outcome = readAll(image.toBuffer());
      assert.deepEqual([outcome.status, outcome.last], [Next.end, 6], `rest ${rest}`);
    }
  });

  it('should read a batch of several MiB', () => {
    const { image, lasts } = imageOf([990, 3_000, 5]);
    assert.ok(image.bytes > 4 << 20);
    assert.equal(readAll(image.toBuffer()).last, lasts.at(-1));
  });

  it('should call a file cut at any byte unfinished, never bad, and lose no whole batch', () => {
    const small = imageOf([1, 3, 2, 40, 1, 0, 5]);
    const large = imageOf([90, 30, 2]);
    for (const { image, lasts } of [small, large]) {
      const bytes = image.toBuffer();
      const step = bytes.length > 40_000 ? 41 : 1;
      for (let cut = 0; cut <= bytes.length; cut += step) {
        const outcome = readAll(bytes.subarray(0, cut));
        assert.ok(outcome.status === Next.end || outcome.status === Next.partial, `cut ${cut}`);
        assert.equal(outcome.last, lastBefore(image, lasts, cut), `cut ${cut}`);
      }
    }
  });

  it('should never hand out a batch with a flipped bit', () => {
    const { image, lasts } = imageOf([2, 120, 1, 60, 3]);
    const bytes = image.toBuffer();
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: bytes.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        (at, bit) => {
          const flipped = Buffer.from(bytes);
          flipped[at]! ^= 1 << bit;
          const outcome = readAll(flipped);
          // A flip in the padding of a block changes nothing; any other stops the reader there.
          if (outcome.status === Next.end) assert.equal(outcome.last, lasts.at(-1));
          else
            assert.ok(outcome.last <= lastBefore(image, lasts, at) && outcome.problemOffset <= at);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('should go on where it stopped when the file grows', () => {
    const { image, lasts } = imageOf([3, 200, 1, 97, 2]);
    const bytes = image.toBuffer();
    putWal(dbDir, FILE, Buffer.alloc(0));
    const reader = WalFileReader.open(dbDir, FILE, 0, BLOCK_BYTES)!;
    let last = 0;
    for (let size = 0; size <= bytes.length + 1_000; size += 1_000) {
      putWal(dbDir, FILE, bytes.subarray(0, size));
      let status = reader.next();
      for (; status === Next.batch; status = reader.next())
        last = reader.sequence + reader.count - 1;
      assert.notEqual(status, Next.bad);
      assert.equal(last, lastBefore(image, lasts, size));
    }
    reader.close();
    assert.equal(last, lasts.at(-1));
  });

  it('should step over types that may be ignored and refuse unknown and compressed ones', () => {
    const plain = new LogImage();
    const ignored = [
      plain.record(9, Buffer.alloc(4)),
      plain.record(10, Buffer.alloc(6)),
      plain.record(130, Buffer.from('x')),
    ];
    for (const bytes of ignored) plain.raw(bytes);
    assert.equal(readAll(plain.add(encodeBatch(1, 4)).toBuffer()).last, 4);
    for (const [type, payload] of [
      [9, Buffer.from([7, 0, 0, 0])],
      [12, Buffer.alloc(3)],
      [127, Buffer.alloc(3)],
    ] as const) {
      const image = new LogImage();
      const bytes = image.raw(image.record(type, payload)).add(encodeBatch(1, 1)).toBuffer();
      assert.throws(
        () => readAll(bytes),
        (error) => error instanceof EngineError && error.code === 'wal_unsupported',
      );
    }
  });

  it('should call zeros and the records of an earlier file bad', () => {
    const { image } = imageOf([3]);
    const zeros = readAll(Buffer.concat([image.toBuffer(), Buffer.alloc(5_000)]));
    assert.deepEqual([zeros.status, zeros.last], [Next.bad, 3]);
    const recycled = imageOf([3], FILE + 1).image.toBuffer();
    assert.deepEqual([readAll(recycled).status, readAll(recycled).last], [Next.bad, 0]);
  });
});

describe('the cursor over a write batch', () => {
  it('should never throw nor leave the batch, whatever the bytes', () => {
    const cursor = new WriteBatchCursor();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 200 }), (bytes) => {
        const batch = Buffer.concat([Buffer.from(bytes), Buffer.alloc(64, 1)]);
        cursor.reset(batch, 0, bytes.length);
        while (cursor.next()) assert.ok(cursor.valueEnd <= bytes.length && cursor.keyStart >= 12);
      }),
      { numRuns: 5_000 },
    );
  });

  it('should report a batch cut anywhere, a wrong count and an unknown tag', () => {
    const batch = encodeBatch(1, 5);
    const problemOf = (bytes: Buffer): string | undefined => {
      const cursor = new WriteBatchCursor();
      cursor.reset(bytes, 0, bytes.length);
      while (cursor.next());
      return cursor.problem;
    };
    assert.equal(problemOf(batch), undefined);
    for (let cut = 12; cut < batch.length; cut++)
      assert.ok(problemOf(batch.subarray(0, cut)), `cut ${cut}`);
    for (const count of [4, 6]) {
      const wrong = Buffer.from(batch);
      wrong.writeUInt32LE(count, 8);
      assert.ok(problemOf(wrong));
    }
    const unknown = Buffer.from(batch);
    unknown[12] = 0x13;
    assert.match(problemOf(unknown) ?? '', /unknown tag/);
  });

  it('should give log data and no-ops no sequence, and name merges and range deletions', () => {
    const body = [
      0x3, 2, 9, 9, 0xd, 0x1, 1, 65, 1, 66, 0x6, 3, 1, 67, 0, 0xe, 2, 1, 68, 1, 69, 0x8, 1, 1, 70,
    ];
    const header = encodeBatch(100, 0);
    header.writeUInt32LE(4, 8);
    const bytes = Buffer.concat([header, Buffer.from(body)]);
    const cursor = new WriteBatchCursor();
    cursor.reset(bytes, 0, bytes.length);
    const seen: unknown[] = [];
    while (cursor.next())
      seen.push([
        cursor.sequence,
        cursor.kind,
        cursor.columnFamilyId,
        `${cursor.key}`,
        `${cursor.value}`,
      ]);
    assert.equal(cursor.problem, undefined);
    assert.deepEqual(seen, [
      [100, 1, 0, 'A', 'B'],
      [101, 3, 3, 'C', ''],
      [102, 4, 2, 'D', 'E'],
      [103, 2, 1, 'F', ''],
    ]);
  });
});

/** A batch of `bytes` bytes that takes no sequence. */
function logData(bytes: number): Buffer {
  const body = bytes - 12;
  const length = body - 4;
  const batch = Buffer.alloc(bytes);
  batch.set([0x3, (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14], 12);
  return batch;
}

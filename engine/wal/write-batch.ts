/**
 * Walks the records of one RocksDB write batch in place (db/write_batch.cc): one reusable
 * cursor, no copies, nothing allocated unless `key` or `value` is asked for.
 *
 *   batch  := sequence u64 | count u32 | record*
 *   record := tag u8 [| column family varint] | key [| value]   each a varint length + bytes
 *
 * The i-th put, deletion, merge or range deletion has the sequence `batch sequence + i`;
 * log data and no-ops have none. Never throws: what does not parse sets `problem`.
 */
export const BATCH_HEADER_BYTES = 12;

/** For `rangeDelete` the key is the first key deleted and the value the key behind the last. */
export const RecordKind = { put: 1, delete: 2, merge: 3, rangeDelete: 4 } as const;
export type RecordKindCode = (typeof RecordKind)[keyof typeof RecordKind];

const NO_KIND = 0;
const LOG_DATA = 0x3;
const NO_OP = 0xd;

interface Tag {
  readonly kind: number;
  readonly family: boolean;
  readonly value: boolean;
}

/** By tag; absent: transactions, blobs, wide columns, timed puts, which we never write. */
const TAGS: readonly (Tag | undefined)[] = tagTable();

export class WriteBatchCursor {
  bytes: Buffer = Buffer.alloc(0);
  kind: RecordKindCode | typeof NO_KIND = NO_KIND;
  /** Sequence of the current record. */
  sequence = 0;
  columnFamilyId = 0;
  keyStart = 0;
  keyEnd = 0;
  /** Equal for a deletion. */
  valueStart = 0;
  valueEnd = 0;
  /** Set when the batch is malformed; `next` is false from then on. */
  problem: string | undefined;
  #at = 0;
  #end = 0;
  #left = 0;

  /** A view of the current key, valid until the cursor or its buffer moves on. */
  get key(): Buffer {
    return this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  /** A view of the current value, valid until the cursor or its buffer moves on. */
  get value(): Buffer {
    return this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  /** Begins at the batch in `bytes[start, end)`, at least BATCH_HEADER_BYTES long. */
  reset(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.#at = start + BATCH_HEADER_BYTES;
    this.#end = end;
    this.#left = batchCount(bytes, start);
    this.sequence = batchSequence(bytes, start) - 1;
    this.problem = undefined;
    this.kind = NO_KIND;
  }

  /** Moves to the next record that has a sequence; false at the end, or at a `problem`. */
  next(): boolean {
    while (this.problem === undefined && this.#at < this.#end) {
      const tagByte = this.bytes[this.#at++]!;
      if (tagByte === NO_OP) continue;
      if (tagByte === LOG_DATA) {
        this.#skipString();
        continue;
      }
      return this.#readRecord(tagByte);
    }
    if (this.problem === undefined && this.#left !== 0) {
      this.problem = `the batch ends ${this.#left} record(s) before its count`;
    }
    return false;
  }

  #readRecord(tagByte: number): boolean {
    const tag = TAGS[tagByte];
    if (tag === undefined) return this.#fail(`unknown tag ${tagByte}`);
    if (this.#left === 0) return this.#fail('more records than the count');
    this.columnFamilyId = tag.family ? this.#varint() : 0;
    const keyLength = this.#varint();
    if (keyLength < 0 || this.columnFamilyId < 0 || keyLength > this.#end - this.#at)
      return this.#fail('a cut key');
    this.keyStart = this.#at;
    this.#at += keyLength;
    this.keyEnd = this.#at;
    this.valueStart = this.#at;
    if (tag.value) {
      const valueLength = this.#varint();
      if (valueLength < 0 || valueLength > this.#end - this.#at) return this.#fail('a cut value');
      this.valueStart = this.#at;
      this.#at += valueLength;
    }
    this.valueEnd = this.#at;
    this.kind = tag.kind as RecordKindCode;
    this.sequence++;
    this.#left--;
    return true;
  }

  #skipString(): void {
    const length = this.#varint();
    if (length < 0 || length > this.#end - this.#at) this.#fail('cut log data');
    else this.#at += length;
  }

  /** A varint32, or -1 when it is cut or too long. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift <= 28 && this.#at < this.#end; shift += 7) {
      const byte = this.bytes[this.#at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    return -1;
  }

  #fail(problem: string): boolean {
    this.problem = problem;
    return false;
  }
}

/** First sequence of the batch at `start`; Infinity when it is beyond 2^53, so never plausible. */
export function batchSequence(bytes: Buffer, start: number): number {
  const high = bytes.readUInt32LE(start + 4);
  return high < 0x20_0000
    ? high * 0x1_0000_0000 + bytes.readUInt32LE(start)
    : Number.POSITIVE_INFINITY;
}

/** How many sequences the batch at `start` takes. */
export function batchCount(bytes: Buffer, start: number): number {
  return bytes.readUInt32LE(start + 8);
}

function tagTable(): (Tag | undefined)[] {
  const tags: (Tag | undefined)[] = new Array(256).fill(undefined);
  const add = (plain: number, withFamily: number, kind: number, value: boolean): void => {
    tags[plain] = { kind, family: false, value };
    tags[withFamily] = { kind, family: true, value };
  };
  add(0x0, 0x4, RecordKind.delete, false);
  add(0x1, 0x5, RecordKind.put, true);
  add(0x2, 0x6, RecordKind.merge, true);
  add(0x7, 0x8, RecordKind.delete, false);
  add(0xf, 0xe, RecordKind.rangeDelete, true);
  return tags;
}

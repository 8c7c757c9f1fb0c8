/**
 * The embedded store of one shard. The main thread opens and owns it; other threads attach
 * by its handle. Every write is synced: a row that can be read is on disk, and so is every
 * row with a smaller sequence.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ChainedBatch, type Column, RocksLevel } from 'rocksdb';
import { EngineError } from '../util/errors.js';
import { FAMILIES, type Family } from './families.js';

/** Obsolete log files go to archive/ and stay there (49 days, the binding's longest); the CDC deletes them. */
const WAL_TTL_MS = 0xffff_ffff;
const MIB = 1 << 20;

export interface StoreOptions {
  readonly memtableMb: number;
}

export class Store {
  readonly #db: RocksLevel;
  readonly #columns: Record<Family, Column>;

  private constructor(db: RocksLevel) {
    this.#db = db;
    this.#columns = db.columns as Record<Family, Column>;
  }

  static directory(dataDir: string): string {
    return join(dataDir, 'db');
  }

  /** Opens or creates the store; the caller must keep the result for as long as any thread uses it. */
  static async open(dataDir: string, options: StoreOptions): Promise<Store> {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const db = new RocksLevel(Store.directory(dataDir));
    const small = { memtableMemoryBudget: 16 * MIB, compaction: 'level' as const };
    const large = {
      memtableMemoryBudget: options.memtableMb * MIB,
      compaction: 'level' as const,
      cacheSize: 64 * MIB,
      // Nearly every look is for an id that is new: a filter over the memtable says so at once.
      optimize: 'point-lookup' as const,
    };
    try {
      await db.open({
        createIfMissing: true,
        columns: {
          default: small,
          checkouts: large,
          commands: small,
          inbox: small,
          status: large,
          age: { ...small, memtableMemoryBudget: (options.memtableMb * MIB) / 2 },
          meta: small,
        } satisfies Record<Family, unknown>,
        walTTL: WAL_TTL_MS,
        walCompression: false,
      });
    } catch (cause) {
      throw new EngineError(
        'store_open_failed',
        isLocked(cause)
          ? `an engine runs on this volume: stop it (${dataDir})`
          : `RocksDB in ${dataDir} does not open: ${reasonOf(cause)}`,
        { cause },
      );
    }
    return new Store(db);
  }

  /** Attaches another thread to an open store. */
  static async attach(handle: bigint): Promise<Store> {
    const db = new RocksLevel(handle);
    await db.open({});
    return new Store(db);
  }

  get handle(): bigint {
    return this.#db.handle;
  }

  /** The sequence of the last write; durable, as every write is synced before it is seen. */
  get sequence(): number {
    return this.#db.sequence;
  }

  get(family: Family, key: Uint8Array): Buffer | undefined {
    return this.#db._getManySync([key], { column: this.#columns[family] })[0];
  }

  getMany(family: Family, keys: readonly Uint8Array[]): (Buffer | undefined)[] {
    return this.#db._getManySync(keys, { column: this.#columns[family] });
  }

  /** Keys and values, alternating, of the rows in [from, to), at most `limit` rows. */
  range(family: Family, from: Buffer, to: Buffer | undefined, limit: number): Buffer[] {
    return this.#db.querySync({
      column: this.#columns[family],
      gte: from,
      ...(to ? { lt: to } : {}),
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      limit,
    }).rows;
  }

  batch(): WriteBatch {
    return new WriteBatch(this.#db.batch(), this.#columns);
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}

/** Rows that are written together, with one sync. May be used again after `write`. */
export class WriteBatch {
  readonly #batch: ChainedBatch;
  readonly #options: Record<Family, { column: Column }>;

  constructor(batch: ChainedBatch, columns: Record<Family, Column>) {
    this.#batch = batch;
    this.#options = Object.fromEntries(
      FAMILIES.map((family) => [family, { column: columns[family] }]),
    ) as Record<Family, { column: Column }>;
  }

  put(family: Family, key: Uint8Array, value: Uint8Array): void {
    this.#batch._put(key, value, this.#options[family]);
  }

  delete(family: Family, key: Uint8Array): void {
    this.#batch._del(key, this.#options[family]);
  }

  get size(): number {
    return this.#batch.length;
  }

  /** Returns once all rows are on disk; throws when they may not be, and then the store is unusable. */
  write(): void {
    this.#batch._writeSync({ sync: true });
    this.#batch._clear();
  }
}

/** Where a scan goes on behind a key. */
export function behind(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.alloc(1)]);
}

/** RocksDB holds a lock on its folder, in this process or in another one. */
function isLocked(error: unknown): boolean {
  return /\/LOCK: Resource temporarily unavailable|lock hold by current process/.test(
    reasonOf(error),
  );
}

function reasonOf(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause;
  return String((cause as Error | undefined)?.message ?? (error as Error).message);
}

/** The part of the RocksDB binding that tollgate uses; the package has no types of its own. */
declare module 'rocksdb' {
  export interface Column {
    readonly __column: unique symbol;
  }
  export interface ColumnOptions {
    memtableMemoryBudget?: number;
    compaction?: 'level' | 'universal';
    cacheSize?: number;
    optimize?: 'point-lookup';
  }
  export interface OpenOptions extends ColumnOptions {
    createIfMissing?: boolean;
    columns?: Record<string, ColumnOptions>;
    parallelism?: number;
    /** Milliseconds that obsolete WAL files stay in archive/. */
    walTTL?: number;
    walCompression?: boolean;
  }
  export interface RangeOptions {
    column: Column;
    gt?: Buffer;
    gte?: Buffer;
    lt?: Buffer;
    keyEncoding: 'buffer';
    valueEncoding: 'buffer';
    values?: boolean;
    limit?: number;
    reverse?: boolean;
  }
  export class ChainedBatch {
    _put(key: Uint8Array, value: Uint8Array, options: { column: Column }): void;
    _del(key: Uint8Array, options: { column: Column }): void;
    _clear(): void;
    _writeSync(options: { sync: boolean }): void;
    readonly length: number;
  }
  export class RocksLevel {
    constructor(location: string | bigint);
    open(options?: OpenOptions): Promise<void>;
    close(): Promise<void>;
    batch(): ChainedBatch;
    readonly handle: bigint;
    readonly sequence: number;
    readonly columns: Record<string, Column>;
    getProperty(name: string): string;
    _getManySync(keys: readonly Uint8Array[], options: { column: Column }): (Buffer | undefined)[];
    querySync(options: RangeOptions): { rows: Buffer[]; finished: boolean };
  }
}

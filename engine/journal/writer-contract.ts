/** The data that a writer thread is started with. Memories are shared, not copied. */
import type { WaitStrategyName } from '../ring/wait-strategy.js';

/** Writer counters, in the order of their words. */
export const WRITER_COUNTERS = ['batches', 'messages', 'rows', 'writeMicros'] as const;

export interface WriterData {
  readonly storeHandle: bigint;
  /** Each lane with the doorbell of the thread that produces into it. */
  readonly lanes: readonly { lane: SharedArrayBuffer; producerBell: SharedArrayBuffer }[];
  readonly bell: SharedArrayBuffer;
  readonly mainBell: SharedArrayBuffer;
  readonly gatewayBells: readonly SharedArrayBuffer[];
  readonly changes: SharedArrayBuffer;
  readonly durable: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly stop: SharedArrayBuffer;
  readonly waitStrategy: WaitStrategyName;
  readonly batchMax: number;
}

/** A writer that answers every message with the time at which it looked, in microseconds. */
import { workerData } from 'node:worker_threads';
import { BatchProcessor } from '../../engine/ring/batch-processor.js';
import { Doorbell } from '../../engine/ring/doorbell.js';
import { LaneConsumer } from '../../engine/ring/lane-consumer.js';
import { SharedFlag } from '../../engine/ring/shared-flags.js';
import { type WaitStrategyName, waitStrategy } from '../../engine/ring/wait-strategy.js';

export interface EchoData {
  readonly memory: SharedArrayBuffer;
  readonly bell: SharedArrayBuffer;
  readonly back: SharedArrayBuffer;
  readonly stop: SharedArrayBuffer;
  readonly strategy: WaitStrategyName;
}

const { memory, bell, back, stop, strategy } = workerData as EchoData;
const handler = {
  onMessage: (lane: LaneConsumer, slot: number) =>
    lane.memory.setResult(slot, 1, Number(process.hrtime.bigint()) / 1_000),
  onBatchEnd: () => {},
};
const lane = new LaneConsumer(memory, new Doorbell(back));
const flag = new SharedFlag(stop);
new BatchProcessor([lane], handler, waitStrategy(strategy, new Doorbell(bell)), 64).run(
  () => flag.isSet,
);

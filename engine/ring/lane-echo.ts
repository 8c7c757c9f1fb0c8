/** The second thread of a lane test: answers every message with its number. */
import { workerData } from 'node:worker_threads';
import { BatchProcessor } from './batch-processor.js';
import { Doorbell } from './doorbell.js';
import { LaneConsumer } from './lane-consumer.js';
import { waitStrategy } from './wait-strategy.js';

const { memory, bell, back, messages } = workerData;
let count = 0;
const handler = {
  onMessage: (lane: LaneConsumer, slot: number) => lane.memory.setResult(slot, 1, count++),
  onBatchEnd: () => {},
};
const lane = new LaneConsumer(memory, new Doorbell(back));
new BatchProcessor([lane], handler, waitStrategy('park', new Doorbell(bell)), 64).run(
  () => count === messages,
);

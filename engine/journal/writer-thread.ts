/**
 * A writer thread: drains its lanes into the store until it is told to stop. It owns no
 * event loop work, so it may block. If it dies, the engine dies: lanes cannot be repaired.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { BatchProcessor } from '../ring/batch-processor.js';
import { BroadcastWriter } from '../ring/broadcast.js';
import { Counters } from '../ring/counters.js';
import { Doorbell } from '../ring/doorbell.js';
import { LaneConsumer } from '../ring/lane-consumer.js';
import { SharedCount, SharedFlag } from '../ring/shared-flags.js';
import { waitStrategy } from '../ring/wait-strategy.js';
import { Store } from '../store/store.js';
import { invariant } from '../util/errors.js';
import { Journal } from './journal.js';
import { WRITER_COUNTERS, type WriterData } from './writer-contract.js';

async function run(data: WriterData): Promise<void> {
  const store = await Store.attach(data.storeHandle);
  const durable = new SharedCount(data.durable);
  const counters = new Counters(WRITER_COUNTERS, data.counters);
  const mainBell = new Doorbell(data.mainBell);
  const gatewayBells = data.gatewayBells.map((bell) => new Doorbell(bell));
  const changes = new BroadcastWriter(data.changes);
  const journal = new Journal(store, changes, {
    onWritten(messages, rows, writeMs) {
      counters.add('batches', 1);
      counters.add('messages', messages);
      counters.add('rows', rows);
      counters.add('writeMicros', Math.round(writeMs * 1_000));
      if (rows === 0) return;
      durable.store(store.sequence);
      mainBell.ring();
    },
    onStatusChanged() {
      for (const bell of gatewayBells) bell.ring();
    },
  });
  const lanes = data.lanes.map(
    (lane) => new LaneConsumer(lane.lane, new Doorbell(lane.producerBell)),
  );
  const wait = waitStrategy(data.waitStrategy, new Doorbell(data.bell));
  const stop = new SharedFlag(data.stop);
  parentPort?.postMessage('ready');
  new BatchProcessor(lanes, journal, wait, data.batchMax).run(() => stop.isSet);
}

invariant(parentPort, 'the writer runs as a worker thread');
await run(workerData as WriterData);

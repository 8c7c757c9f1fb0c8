/**
 * The journal: batches of new checkouts through a lane, with the look for duplicates and one
 * synced write a batch, beside RocksDB's own benchmark with the same batches and sizes.
 */
import { checkoutAccepted } from '../../engine/codec/records.js';
import { Journal } from '../../engine/journal/journal.js';
import { MessageKind } from '../../engine/journal/messages.js';
import { BroadcastWriter } from '../../engine/ring/broadcast.js';
import { Doorbell } from '../../engine/ring/doorbell.js';
import { LaneConsumer } from '../../engine/ring/lane-consumer.js';
import { LaneMemory } from '../../engine/ring/lane-memory.js';
import { LaneProducer } from '../../engine/ring/lane-producer.js';
import { Store } from '../../engine/store/store.js';
import { dbBench } from '../harness/references.js';
import { sampleCheckout } from '../harness/samples.js';
import type { Stage, Suite } from '../harness/suite.js';

const TARGET = 0.9;
const BATCHES = [128, 512];
const SLOTS = 4096;

export const journal: Suite = {
  name: 'journal',
  measures: 'checkouts a second: duplicates looked for, one synced batch, beside db_bench',
  async run(stage) {
    const { key, value } = messageOf(1_000_000);
    for (const batch of BATCHES) {
      const rows = stage.size(60_000, 200_000);
      const samples = await stage.inTurns(
        (round) => fill(stage, `journal-${batch}-${round}`, batch, rows),
        (round) =>
          dbBench({
            folder: stage.folder(`db_bench-${batch}-${round}`),
            batch,
            rows,
            keyBytes: key.length,
            valueBytes: value.length,
          }),
      );
      stage.row({
        name: `batches of ${batch}`,
        unit: 'checkouts/s',
        ...samples,
        rivalName: 'db_bench fillrandom sync=1',
        target: TARGET,
      });
    }
  },
};

async function fill(stage: Stage, name: string, batch: number, rows: number): Promise<number> {
  const store = await Store.open(stage.folder(name), { memtableMb: 128 });
  const memory = LaneMemory.allocate(SLOTS);
  const producer = new LaneProducer(memory, new Doorbell(Doorbell.allocate()));
  const consumer = new LaneConsumer(memory, new Doorbell(Doorbell.allocate()));
  const events = { onWritten() {}, onStatusChanged() {} };
  const handler = new Journal(store, new BroadcastWriter(BroadcastWriter.allocate()), events);
  let accepted = 0;
  let ms = 0;
  for (let n = 0; n < rows; n += batch) {
    for (let i = n; i < n + batch; i++) put(producer, i);
    producer.publish();
    const start = performance.now();
    consumer.take(batch, (slot) => handler.onMessage(consumer, slot));
    handler.onBatchEnd();
    consumer.answer();
    ms += performance.now() - start;
    producer.collect((slot) => {
      accepted += producer.memory.result(slot) === 1 ? 1 : 0;
    });
  }
  const last = store.get('checkouts', messageOf(rows - 1).key);
  await store.close();
  const written = Math.ceil(rows / batch) * batch;
  stage.must(accepted === written && last !== undefined, `${accepted} of ${written} accepted`);
  return written / (ms / 1_000);
}

function put(producer: LaneProducer, n: number): void {
  const { key, value } = messageOf(n);
  const slot = producer.claim(key.length + value.length);
  const start = producer.payloadStart(slot);
  producer.memory.bytes.set(key, start);
  producer.memory.bytes.set(value, start + key.length);
  producer.commit(slot, MessageKind.checkout, key.length, value.length);
}

function messageOf(n: number): { key: Buffer; value: Buffer } {
  const record = sampleCheckout(`bench-${(Math.imul(n, 0x9e3779b1) >>> 0).toString(36)}-${n}`, n);
  return {
    key: Buffer.from(`default/${record.checkout_id}`),
    value: checkoutAccepted.encode(record),
  };
}

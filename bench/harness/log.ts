/** Fills a store with checkouts and publishes its log with the product's own publisher. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CdcPublisher } from '../../engine/cdc/publisher.js';
import { cdcStart } from '../../engine/cdc/start.js';
import { checkoutAccepted } from '../../engine/codec/records.js';
import type { EngineConfig } from '../../engine/config/config.js';
import { Store } from '../../engine/store/store.js';
import { Ages } from '../../engine/store/time-index.js';
import { createLogger } from '../../engine/util/log.js';
import { checkpointFile } from '../../engine/wal/checkpoint.js';
import { longCheckout } from './samples.js';

const BATCH = 256;
const MEMTABLE = { memtableMb: 128 };

/** Records and their ages, as the journal writes them. @returns the open store */
export async function fillStore(
  dataDir: string,
  records: number,
  onProgress: (n: number) => void = () => {},
): Promise<Store> {
  const store = await Store.open(dataDir, MEMTABLE);
  const ages = new Ages('checkouts');
  for (let n = 0; n < records; n += BATCH) {
    const batch = store.batch();
    for (let i = n; i < Math.min(n + BATCH, records); i++) {
      const key = Buffer.from(`default/bench-${i}`);
      const record = longCheckout(`bench-${i}`, i);
      batch.put('checkouts', key, checkoutAccepted.encode(record));
      ages.add(record.accepted_at, key);
    }
    ages.putInto(batch);
    batch.write();
    if (n % (BATCH * 1_000) === 0) onProgress(n);
  }
  return store;
}

/** Publishes all of the log, then closes the store. @returns confirmed records, and how many a second */
export async function publishLog(
  store: Store,
  dataDir: string,
  config: EngineConfig,
): Promise<{ published: number; perSecond: number }> {
  const dbDir = Store.directory(dataDir);
  const since = performance.now();
  const publisher = new CdcPublisher({
    config,
    dbDir,
    volume: 'bench',
    checkpoint: checkpointFile(join(dataDir, 'checkpoint.json')),
    start: cdcStart(dbDir, store.sequence, undefined, false).position,
    durableSequence: () => store.sequence,
    beforePublishing: async () => {},
    onRegistered: () => {},
    logger: createLogger('bench', 'error'),
    onAnswer: () => {},
    onCheckpoint: () => {},
    onFatal: (error) => {
      throw error;
    },
  });
  while (publisher.lag > 0) await sleep(1);
  const seconds = (performance.now() - since) / 1_000;
  const { published } = publisher;
  await publisher.close();
  await store.close();
  return { published, perSecond: published / seconds };
}

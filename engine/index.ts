/**
 * The engine: one process a shard. The main thread opens and owns the store, starts and
 * watches the threads, and serves the admin pages.
 */

import { startAdmin } from './admin.js';
import type { EngineConfig } from './core/config.js';
import type { Logger } from './core/log.js';
import { DiskGuard } from './disk-guard.js';
import { Store } from './store/store.js';
import { EngineThreads } from './threads.js';
import { claimVolume } from './volume.js';

/** What the layers above hand in, so that nothing here imports upwards. */
export interface Composition {
  readonly gatewayWorker: URL;
  readonly openapi: object;
}

export interface Service {
  /** Stops taking work, finishes what is under way, and frees everything. */
  close(): Promise<void>;
}

/** Exit code of a process whose thread died; the supervisor starts it again. */
const EXIT_THREAD_DIED = 70;

export async function startEngine(
  config: EngineConfig,
  logger: Logger,
  composition: Composition,
): Promise<Service> {
  const store = await Store.open(config.dataDir, config);
  const volume = claimVolume(store, config.shard);
  const threads = new EngineThreads({
    config,
    store,
    gatewayWorker: composition.gatewayWorker,
    onDeath: (reason) => {
      logger.fatal({ reason }, 'a thread died: the process ends so that a restart can repair it');
      process.exitCode = EXIT_THREAD_DIED;
      process.kill(process.pid, 'SIGKILL');
    },
  });
  const statusAnswers = threads.mainBell.listen(
    () => threads.statusLane.collect(() => {}),
    () => threads.statusLane.hasAnswers(),
  );
  await threads.start();
  let isFull = false;
  const guard = new DiskGuard(config.dataDir, config.diskFreeMinMb, (full) => {
    if (full !== isFull)
      logger.warn(
        { freeMb: guard.freeMb },
        full ? 'disk nearly full: checkouts get 503' : 'disk has room again',
      );
    isFull = full;
    threads.accepting.set(!full);
  });
  const admin = await startAdmin({
    config,
    threads,
    openapi: composition.openapi,
    notReady: () => (isFull ? ['disk'] : []),
    figures: () => ({ disk_free_mb: guard.freeMb }),
  });
  threads.accepting.set(true);
  logger.info(
    { shard: config.shard, volume: volume.id, port: config.apiPort, sequence: store.sequence },
    'engine ready',
  );
  return {
    async close() {
      guard.stop();
      await admin.close();
      await threads.stop();
      statusAnswers.stop();
      await store.close();
      logger.info('engine stopped');
    },
  };
}

/**
 * The engine: one process a shard. The main thread opens and owns the store, starts and
 * watches the threads, and serves the admin pages.
 */

import { join } from 'node:path';
import { startAdmin } from './admin.js';
import { type Checkpoint, checkpointFile } from './cdc/checkpoint.js';
import { checkWal } from './cdc/integrity.js';
import { markFile } from './cdc/mark.js';
import { CdcPublisher } from './cdc/publisher.js';
import { deleteConsumed } from './cdc/retention.js';
import { oldestLiveWal } from './cdc/wal-directory.js';
import { logStart } from './cdc/wal-follower.js';
import type { EngineConfig } from './core/config.js';
import type { Logger } from './core/log.js';
import { DiskGuard } from './disk-guard.js';
import { StatusConsumer } from './status/status-consumer.js';
import { decodeOffset, META_STATUS_OFFSET } from './store/families.js';
import { Store } from './store/store.js';
import { EngineThreads } from './threads.js';
import { claimVolume, type Volume } from './volume.js';

/** What the layers above hand in, so that nothing here imports upwards. */
export interface Composition {
  readonly gatewayWorker: URL;
  readonly openapi: object;
}

export interface Service {
  /** Stops taking work, finishes what is under way, and frees everything. */
  close(): Promise<void>;
}

export async function startEngine(
  config: EngineConfig,
  logger: Logger,
  composition: Composition,
): Promise<Service> {
  const marks = openMarks(config);
  const log = config.acceptLoss ? undefined : checkLog(config, marks);
  const store = await Store.open(config.dataDir, config);
  const volume = claimVolume(store, config.shard);
  const die = (reason: string): void => {
    logger.fatal({ reason }, 'the process ends so that a restart can repair it');
    process.kill(process.pid, 'SIGKILL');
  };
  const threads = new EngineThreads({
    config,
    store,
    gatewayWorker: composition.gatewayWorker,
    onDeath: die,
  });
  let publisher: CdcPublisher | undefined;
  let statuses: StatusConsumer | undefined;
  let seen = 0;
  const bell = threads.mainBell.listen(
    () => {
      seen = threads.durableSequence;
      threads.statusLane.collect(() => {});
      statuses?.wake();
      publisher?.wake();
    },
    () => threads.statusLane.hasAnswers() || threads.durableSequence !== seen,
  );
  await threads.start();
  if (config.cdc === 'on') publisher = startPublisher(config, threads, volume, marks, logger, die);
  const offset = store.get('meta', META_STATUS_OFFSET);
  statuses = new StatusConsumer({
    config,
    lane: threads.statusLane,
    offset: offset ? decodeOffset(offset) : 0,
    logger,
  });
  const markNow = () => ({
    volume: volume.id,
    sequence: threads.durableSequence,
    oldestFile: oldestLiveWal(Store.directory(config.dataDir)) ?? 0,
  });
  const saveMark = (): void => {
    marks.mark
      .save(markNow())
      .catch((error: Error) => logger.error({ reason: error.message }, 'the mark was not saved'));
  };
  const markTimer = setInterval(saveMark, config.markIntervalMs);
  const guard = new DiskGuard(config.dataDir, config.diskFreeMinMb, (isFull) =>
    threads.accepting.set(!isFull),
  );
  const admin = await startAdmin({
    config,
    threads,
    openapi: composition.openapi,
    notReady: () => (threads.accepting.isSet ? [] : ['disk']),
    figures: () => ({
      disk_free_mb: guard.freeMb,
      cdc_published_total: publisher?.published ?? 0,
      cdc_restarts_total: publisher?.restarts ?? 0,
      cdc_lag_sequences: publisher?.lag ?? 0,
      cdc_connected: publisher?.isConnected ? 1 : 0,
      status_applied_total: statuses?.applied ?? 0,
      status_undecodable_total: statuses?.undecodable ?? 0,
      status_connected: statuses?.isConnected ? 1 : 0,
    }),
  });
  threads.accepting.set(true);
  logger.info(
    { shard: config.shard, volume: volume.id, port: config.apiPort, log, sequence: store.sequence },
    'engine ready',
  );
  return {
    async close() {
      guard.stop();
      clearInterval(markTimer);
      await admin.close();
      await statuses?.close();
      await threads.stop();
      bell.stop();
      await publisher?.close();
      marks.mark.saveSync(markNow());
      await store.close();
      logger.info('engine stopped');
    },
  };
}

function openMarks(config: EngineConfig) {
  return {
    checkpoint: checkpointFile(join(config.dataDir, 'cdc-checkpoint.json')),
    mark: markFile(config.markFile),
  };
}

/** Before RocksDB opens the database, which would forget silently what is damaged. */
function checkLog(config: EngineConfig, marks: ReturnType<typeof openMarks>) {
  const checkpoint = marks.checkpoint.load();
  const mark = marks.mark.load();
  const volume = mark?.volume ?? checkpoint?.volume ?? '';
  return checkWal({ dbDir: Store.directory(config.dataDir), volume, checkpoint, mark });
}

function startPublisher(
  config: EngineConfig,
  threads: EngineThreads,
  volume: Volume,
  marks: ReturnType<typeof openMarks>,
  logger: Logger,
  die: (reason: string) => void,
): CdcPublisher {
  const dbDir = Store.directory(config.dataDir);
  return new CdcPublisher({
    config,
    dbDir,
    volume: volume.id,
    checkpoint: marks.checkpoint,
    start: marks.checkpoint.load() ?? logStart(dbDir),
    durableSequence: () => threads.durableSequence,
    logger,
    onCheckpoint: (checkpoint) => forgetConsumed(dbDir, marks, checkpoint),
    onFatal: (error) => die(error.message),
  });
}

/** Archived log files that neither Kafka nor the next start's check needs are deleted. */
function forgetConsumed(
  dbDir: string,
  marks: ReturnType<typeof openMarks>,
  checkpoint: Checkpoint,
): void {
  const mark = marks.mark.load();
  if (mark) deleteConsumed(dbDir, checkpoint, mark);
}

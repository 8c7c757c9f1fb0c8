/**
 * The engine: one process per shard. The main thread opens and owns the store, starts and watches
 * the other threads, publishes to Kafka, consumes statuses, and serves the admin port.
 */
import { mkdirSync } from 'node:fs';
import { AdminTokenWatch } from './admin/admin-tokens.js';
import { Publishing } from './cdc/publishing.js';
import { Marks } from './cdc/wal-states.js';
import { adminTokensFile, type EngineConfig } from './config/config.js';
import { startAdmin } from './engine-admin.js';
import { certificateFigures } from './host/certificates.js';
import { claimAddress } from './host/listen-address.js';
import { KeysWatch } from './keys/keys-watch.js';
import { Retention } from './retention.js';
import { wholeCopiesFile } from './shards/completed-copies.js';
import { Importer } from './shards/importer.js';
import { Moves } from './shards/moves.js';
import { Peers } from './shards/peers.js';
import { topologyFile } from './shards/topology-file.js';
import { StatusConsumer } from './status/status-consumer.js';
import type { StoredPosition } from './status/status-position.js';
import { decodeOffset, META_STATUS_OFFSET, META_STATUS_TOPIC } from './store/families.js';
import { Store } from './store/store.js';
import { EngineThreads } from './threads.js';
import type { Logger } from './util/log.js';
import { dropBallastIfFull, layBallast } from './volume/ballast.js';
import { DiskGuard } from './volume/disk-guard.js';
import { claimVolume } from './volume/volume.js';
import { VolumeCheck } from './volume/volume-check.js';

/** Writers ring after every batch; publishing a millisecond later costs a tenth of the wake-ups. */
const BELL_REST_MS = 1;

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
  const die = (reason: string): void => {
    logger.fatal({ reason }, 'the process ends so that a restart can repair it');
    process.kill(process.pid, 'SIGKILL');
  };
  const tokens = new AdminTokenWatch(adminTokensFile(config), logger);
  const keys = new KeysWatch(config.keysFile, logger);
  const marks = new Marks(config, logger);
  const check = new VolumeCheck(config.dataDir);
  const address = await claimAddress(config);
  const { store, volume, log } = await openVolume(config, marks, check, logger);
  const parts = { config, store, volume, check, marks, logger, onFatal: die };
  const publishing = await Publishing.prepare(parts);
  const { gatewayWorker } = composition;
  const threads: EngineThreads = new EngineThreads({
    config,
    store,
    gatewayWorker,
    keys: keys.table,
    topology: () => moves.ownership?.topology,
    ask: (key) => moves.ask(key),
    onRequestError: (id, code, stack) =>
      logger.error({ id, code, stack }, 'a request was answered with a 500'),
    onRefused: ({ subject: id, code, times, address }) =>
      logger.warn({ id, code, times, address }, 'refused'),
    onDeath: die,
  });
  const importer = new Importer(threads.statusLane, config.shard);
  const moves = new Moves({
    shard: config.shard,
    allowPlaintext: config.allowPlaintext,
    file: topologyFile(config.dataDir),
    copies: wholeCopiesFile(config.dataDir),
    isHere: (key) => store.get('checkouts', Buffer.from(key)) !== undefined,
    importer,
    peers: new Peers(config),
    logger,
    announce: (topology) => threads.announce(topology),
  });
  const statuses = new StatusConsumer({
    config,
    lane: threads.statusLane,
    stored: statusPosition(store),
    onReborn: (reason) => publishing.rescan(reason),
    logger,
  });
  const bell = listen(threads, [statuses, importer, publishing], (slot) => importer.onAnswer(slot));
  await threads.start();
  keys.announce();
  publishing.start({
    durableSequence: () => threads.durableSequence,
    statusesAreRead: () => statuses.health.isWell && statuses.lag === 0,
    onTopicsChanged: () => statuses.renew(),
  });
  statuses.start();
  marks.start(config.markIntervalMs, volume.id, () => threads.durableSequence);
  const publishedUpTo = (): number => publishing.caughtUpAt;
  const retention = new Retention({
    store,
    keepMs: config.retentionMs,
    publishedUpTo,
    kafkaTime: () => statuses.newestAppendMs,
    logger,
  });
  const guard = new DiskGuard(config.dataDir, config.diskFreeMinMb, logger, (isFull) =>
    threads.accepting.set(!isFull),
  );
  const admin = await startAdmin({
    config,
    tokens,
    threads,
    store,
    moves,
    openapi: composition.openapi,
    notReady: () => (threads.accepting.isSet ? [] : ['disk']),
    figures: () => ({
      disk_free_mb: guard.freeMb,
      ...publishing.figures(),
      ...keys.figures(),
      ...tokens.figures(),
      ...certificateFigures({ own: [config.peerCert], authorities: [config.peerCa] }),
      status_applied_total: statuses.applied,
      status_reborn_total: statuses.reborn,
      status_undecodable_total: statuses.undecodable,
      status_connected: statuses.health.isWell ? 1 : 0,
      status_lag_records: statuses.lag,
      retention_deleted_total: retention.deleted,
      moves_asked_total: moves.asked,
      moves_imported_total: importer.imported,
    }),
  });
  await guard.start();
  logger.info(
    { shard: config.shard, volume: volume.id, port: config.apiPort, log, sequence: store.sequence },
    'engine ready',
  );
  return {
    async close() {
      guard.stop();
      keys.stop();
      tokens.stop();
      retention.stop();
      marks.stop();
      await admin.close();
      await moves.close();
      await statuses.close();
      await threads.stop();
      bell.stop();
      await publishing.close();
      marks.saveSync(volume.id, threads.durableSequence);
      await store.close();
      address.release();
      logger.info('engine stopped');
    },
  };
}

/** @throws what is wrong with the log or the volume, unless its loss is accepted */
async function openVolume(config: EngineConfig, marks: Marks, check: VolumeCheck, logger: Logger) {
  const { dataDir, diskFreeMinMb, acceptLoss } = config;
  if (!acceptLoss) check.assertNotRefused();
  const log = acceptLoss ? undefined : marks.checkLog();
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  dropBallastIfFull(dataDir, logger);
  const store = await Store.open(dataDir, config);
  layBallast(dataDir, diskFreeMinMb);
  const volume = claimVolume(store, config.shard, acceptLoss);
  if (!acceptLoss) marks.checkVolume(volume.id);
  check.begin(store, volume.id, acceptLoss);
  return { store, volume, log };
}

/** The writers' bell on the main thread: something is durable, or a status was written. */
function listen(
  threads: EngineThreads,
  sleepers: readonly { wake(): void }[],
  onAnswer: (slot: number) => void,
): { stop(): void } {
  let seen = 0;
  return threads.mainBell.listen(
    () => {
      seen = threads.durableSequence;
      threads.statusLane.collect(onAnswer);
      for (const sleeper of sleepers) sleeper.wake();
    },
    () => threads.statusLane.hasAnswers() || threads.durableSequence !== seen,
    BELL_REST_MS,
  );
}

function statusPosition(store: Store): StoredPosition {
  const offset = store.get('meta', META_STATUS_OFFSET);
  const topic = store.get('meta', META_STATUS_TOPIC)?.toString();
  return { topic, offset: offset ? decodeOffset(offset) : 0 };
}

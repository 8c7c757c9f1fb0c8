/** Settings of the engine, one shard. */
import { availableParallelism } from 'node:os';
import {
  addressRanges,
  choice,
  flag,
  integer,
  port,
  powerOfTwo,
  secrets,
  text,
} from '../settings.js';
import { shared, TOPIC_RETENTION_MS } from './shared.js';

/** The present secret and the one before it, so that they can be rotated. */
const WEBHOOK_SECRETS_MAX = 2;
const cores = availableParallelism();

export const engineTable = {
  ...shared,
  shard: integer('TOLLGATE_SHARD', 0, 0, 4095, 'number of this shard, never reused'),
  dataDir: text('TOLLGATE_DATA_DIR', '', 'volume of this shard (default HOME/data/shard-N)'),
  markFile: text(
    'TOLLGATE_MARK_FILE',
    '',
    'acknowledged mark, best on another volume (default DATA_DIR/acknowledged.json)',
  ),
  keysFile: text(
    'TOLLGATE_KEYS_FILE',
    '',
    'API keys of merchants (`tollgate keys`); without one, loopback only and one merchant',
  ),
  host: text('TOLLGATE_HOST', '127.0.0.1', 'address of the public API'),
  apiPort: port('TOLLGATE_API_PORT', 8080, 'public API'),
  socket: text(
    'TOLLGATE_SOCKET',
    '',
    'unix socket instead of address and port: gateway thread N listens on SOCKET.N',
  ),
  adminPort: port('TOLLGATE_ADMIN_PORT', 8081, 'engine admin, loopback only'),
  gatewayThreads: {
    ...integer('TOLLGATE_GATEWAY_THREADS', Math.max(1, cores >> 2), 1, 64, 'HTTP threads'),
    shown: 'a quarter of the cores, at least 1',
  },
  writerThreads: {
    ...integer('TOLLGATE_WRITER_THREADS', cores >= 8 ? 2 : 1, 1, 16, 'journal threads'),
    shown: '1, from 8 cores on 2',
  },
  laneSlots: powerOfTwo('TOLLGATE_LANE_SLOTS', 8192, 256, 1 << 20, 'slots of 256 bytes a lane'),
  batchMax: integer('TOLLGATE_BATCH_MAX', 512, 1, 8192, 'messages in one synced write'),
  waitStrategy: choice('TOLLGATE_WAIT_STRATEGY', 'park', ['park', 'spin'], 'how idle writers wait'),
  peerCa: text('TOLLGATE_PEER_CA', '', 'CA file of the other engines, for mutual TLS'),
  peerCert: text('TOLLGATE_PEER_CERT', '', 'our certificate file for the other engines'),
  peerKey: text('TOLLGATE_PEER_KEY', '', 'its key file'),
  waitersMax: integer(
    'TOLLGATE_WAITERS_MAX',
    10_000,
    0,
    1_000_000,
    'long polls a gateway thread holds',
  ),
  merchantWaitersMax: integer(
    'TOLLGATE_MERCHANT_WAITERS_MAX',
    1_000,
    0,
    1_000_000,
    'of these, long polls of one merchant; further ones get 429',
  ),
  simulatorWebhookSecrets: secrets(
    'TOLLGATE_SIMULATOR_WEBHOOK_SECRETS',
    WEBHOOK_SECRETS_MAX,
    "secrets that sign the simulator's webhooks, newest first; none: it is unknown here",
  ),
  simulatorWebhookAddresses: addressRanges(
    'TOLLGATE_SIMULATOR_WEBHOOK_ADDRESSES',
    '',
    'ranges (CIDR) the simulator calls from; empty: any',
  ),
  stripeWebhookSecrets: secrets(
    'TOLLGATE_STRIPE_WEBHOOK_SECRETS',
    WEBHOOK_SECRETS_MAX,
    "secrets that sign Stripe's webhooks, newest first; none: it is unknown here",
  ),
  stripeWebhookAddresses: addressRanges(
    'TOLLGATE_STRIPE_WEBHOOK_ADDRESSES',
    '',
    'ranges (CIDR) Stripe calls from; empty: any',
  ),
  trustedProxies: addressRanges(
    'TOLLGATE_TRUSTED_PROXIES',
    '127.0.0.0/8,::1/128',
    'whose X-Real-IP is believed; a unix socket always is',
  ),
  cdc: choice('TOLLGATE_CDC', 'on', ['on', 'off'], 'off: nothing is read from the write-ahead log'),
  kafkaMessageTimeoutMs: integer(
    'TOLLGATE_KAFKA_MESSAGE_TIMEOUT_MS',
    0,
    0,
    86_400_000,
    'producer gives a record up after (0: never) and starts again from the checkpoint',
  ),
  markIntervalMs: integer(
    'TOLLGATE_MARK_INTERVAL_MS',
    1_000,
    10,
    60_000,
    'how often the acknowledged mark is synced: the blind spot of the damage check',
  ),
  checkpointIntervalMs: integer(
    'TOLLGATE_CHECKPOINT_INTERVAL_MS',
    1_000,
    10,
    60_000,
    'how often the CDC position is synced',
  ),
  volumeCheckMs: integer(
    'TOLLGATE_VOLUME_CHECK_MS',
    15_000,
    0,
    600_000,
    'a starting engine compares its volume with Kafka for at most this long while a broker listens, before it accepts unchecked',
  ),
  sweepAfterMs: integer(
    'TOLLGATE_SWEEP_AFTER_MS',
    600_000,
    1_000,
    86_400_000,
    'an accepted row without a status this long after the processors finished it is published again; the wait doubles each time',
  ),
  retentionMs: integer(
    'TOLLGATE_RETENTION_MS',
    7 * 86_400_000,
    86_400_000,
    TOPIC_RETENTION_MS,
    'terminal payments stay in the store this long: at least the 24 h of replays, at most what Kafka keeps',
  ),
  diskFreeMinMb: integer(
    'TOLLGATE_DISK_FREE_MIN_MB',
    512,
    0,
    1_000_000,
    'below this much free space checkouts get 503',
  ),
  memtableMb: integer('TOLLGATE_MEMTABLE_MB', 128, 8, 1_000, 'RocksDB memory budget of checkouts'),
  acceptLoss: flag(
    'TOLLGATE_ACCEPT_LOSS',
    false,
    'start although acknowledged data was lost; publish again what has no terminal status',
  ),
} as const;

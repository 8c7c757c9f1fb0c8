/** Settings that several processes share. */
import { choice, flag, integer, providers, text, urls, words } from '../settings.js';

/** Kafka keeps what the store keeps, or a recovery from it would have holes. */
export const TOPIC_RETENTION_MS = 28 * 86_400_000;

/**
 * A retry record is a hint for minutes: the payment's row in Postgres has the same time a little
 * later, so a record that is lost costs that little. Kept for an outage over a long weekend.
 */
export const RETRY_RETENTION_MS = 3 * 86_400_000;

export const shared = {
  home: text('TOLLGATE_HOME', '.run', 'folder of endpoints.json, data and logs'),
  providers: providers(
    'TOLLGATE_PROVIDERS',
    'providers that checkouts may go to, separated by commas; the first but wallet takes those that name none',
  ),
  simulators: urls(
    'TOLLGATE_SIMULATORS',
    'further providers that speak the API of the simulator, as JSON: {"name": "url"}',
  ),
  production: flag(
    'TOLLGATE_PRODUCTION',
    false,
    'refuse to start with what is for development only: the simulator',
  ),
  allowPlaintext: words(
    'TOLLGATE_ALLOW_PLAINTEXT',
    [],
    'other hosts that may be spoken to without TLS, and addresses that may be listened on, by name, separated by commas; loopback and unix sockets need none',
  ),
  adminTokensFile: text(
    'TOLLGATE_ADMIN_TOKENS_FILE',
    '',
    'tokens of the admin ports, 0600, made where there is none (default HOME/admin-tokens.json)',
  ),
  kafkaBrokers: text(
    'TOLLGATE_KAFKA_BROKERS',
    '127.0.0.1:19092',
    'Kafka bootstrap, host:port list',
  ),
  kafkaCa: text(
    'TOLLGATE_KAFKA_CA',
    '',
    'file: who signs the brokers; set, Kafka is spoken to by mTLS',
  ),
  kafkaCert: text('TOLLGATE_KAFKA_CERT', '', 'file: our certificate for Kafka'),
  kafkaKey: text('TOLLGATE_KAFKA_KEY', '', 'file: its key, which may be the same file'),
  kafkaConnectTimeoutMs: integer(
    'TOLLGATE_KAFKA_CONNECT_TIMEOUT_MS',
    10_000,
    100,
    120_000,
    "one attempt to connect a processor's client to Kafka; attempts are repeated without end",
  ),
  dependencyLostAfterMs: integer(
    'TOLLGATE_DEPENDENCY_LOST_AFTER_MS',
    8_000,
    2_000,
    60_000,
    'Kafka or Postgres counts as lost after so long without a delivery, fetch, query or probe',
  ),
  topicLookMs: integer(
    'TOLLGATE_TOPIC_LOOK_MS',
    5_000,
    100,
    600_000,
    'how often it is looked whether a topic was deleted or made anew',
  ),
  partitions: integer(
    'TOLLGATE_PARTITIONS',
    64,
    1,
    4096,
    'partitions of accepted, webhooks, retries',
  ),
  shards: integer(
    'TOLLGATE_SHARDS',
    1,
    1,
    4096,
    'partitions of payments.status: shard numbers ever used',
  ),
  replication: integer('TOLLGATE_REPLICATION', 1, 1, 7, 'replication factor of new topics'),
  logLevel: choice(
    'TOLLGATE_LOG_LEVEL',
    'info',
    ['trace', 'debug', 'info', 'warn', 'error'],
    'least severe log line written',
  ),
} as const;

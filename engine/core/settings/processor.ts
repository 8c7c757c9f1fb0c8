/** Settings of a processor. */
import { availableParallelism } from 'node:os';
import { integer, port, text, urls } from '../settings.js';
import { shared } from './shared.js';

const cores = availableParallelism();

export const processorTable = {
  ...shared,
  databaseUrl: text(
    'TOLLGATE_DATABASE_URL',
    'postgres://tollgate:tollgate@127.0.0.1:15432/tollgate',
    'Postgres',
  ),
  adminPort: port('TOLLGATE_PROCESSOR_ADMIN_PORT', 8082, 'processor admin, loopback only'),
  simulatorUrl: text('TOLLGATE_SIMULATOR_URL', 'http://127.0.0.1:8090', 'the simulator provider'),
  simulators: urls(
    'TOLLGATE_SIMULATORS',
    'further providers that speak the API of the simulator, as JSON: {"name": "url"}',
  ),
  workerThreads: integer(
    'TOLLGATE_PROCESSOR_THREADS',
    Math.max(1, cores >> 1),
    1,
    64,
    'piscina worker threads',
  ),
  inFlightMax: integer(
    'TOLLGATE_IN_FLIGHT_MAX',
    2_000,
    1,
    100_000,
    'records being processed at once',
  ),
  pspTimeoutMs: integer('TOLLGATE_PSP_TIMEOUT_MS', 10_000, 100, 120_000, 'whole PSP call'),
  askAfterMs: integer(
    'TOLLGATE_ASK_AFTER_MS',
    2_000,
    100,
    3_600_000,
    'first wait before an unknown outcome is asked about again; doubles',
  ),
  webhookRetryMs: integer(
    'TOLLGATE_WEBHOOK_RETRY_MS',
    5_000,
    100,
    300_000,
    'first wait of a webhook whose payment is not known yet; doubles, up to 5 minutes',
  ),
  webhookGiveUpMs: integer(
    'TOLLGATE_WEBHOOK_GIVE_UP_MS',
    900_000,
    100,
    86_400_000,
    'after this such a webhook becomes a dead letter',
  ),
  deadlineMs: integer(
    'TOLLGATE_DEADLINE_MS',
    86_400_000,
    1_000,
    2_592_000_000,
    'a checkout not sent to a provider within this becomes failed/expired',
  ),
} as const;

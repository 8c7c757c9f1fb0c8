/** Settings of a processor. */
import { availableParallelism } from 'node:os';
import { delays, flag, integer, port, secretFile, text, words } from '../settings.js';
import { maintenanceTable } from './maintenance.js';
import { reconcileTable } from './reconcile.js';
import { routes } from './routes.js';
import { shared } from './shared.js';

const cores = availableParallelism();

export const processorTable = {
  ...shared,
  ...reconcileTable,
  ...maintenanceTable,
  databaseUrl: text(
    'TOLLGATE_DATABASE_URL',
    'postgres://processor@127.0.0.1:15432/tollgate',
    'Postgres',
  ),
  adminPort: port('TOLLGATE_PROCESSOR_ADMIN_PORT', 8082, 'processor admin, loopback only'),
  simulatorUrl: text('TOLLGATE_SIMULATOR_URL', 'http://127.0.0.1:8090', 'the simulator provider'),
  workerThreads: {
    ...integer(
      'TOLLGATE_PROCESSOR_THREADS',
      Math.max(1, cores >> 1),
      1,
      64,
      'piscina worker threads',
    ),
    shown: 'half of the cores, at least 1',
  },
  inFlightMax: integer(
    'TOLLGATE_IN_FLIGHT_MAX',
    2_000,
    1,
    100_000,
    'records being processed at once',
  ),
  stripeKey: {
    ...text('TOLLGATE_STRIPE_KEY', '', 'secret API key of Stripe; without one there is no Stripe'),
    isSecret: true,
  },
  stripeKeyFromFile: secretFile(
    'TOLLGATE_STRIPE_KEY_FILE',
    'file that holds the API key of Stripe',
  ),
  stripeUrl: text('TOLLGATE_STRIPE_URL', 'https://api.stripe.com', 'API of Stripe'),
  stripeReturnUrl: text(
    'TOLLGATE_STRIPE_RETURN_URL',
    '',
    'where Stripe sends the payer back to after an action; needed where there is a key of Stripe',
  ),
  egressHosts: words(
    'TOLLGATE_EGRESS_HOSTS',
    ['api.stripe.com', '127.0.0.1', 'localhost'],
    'hosts that providers may be called at, separated by commas',
  ),
  egressCaFile: text(
    'TOLLGATE_EGRESS_CA_FILE',
    '',
    'PEM of the only certificate authorities to trust at providers (default: those of Node)',
  ),
  pspConnectTimeoutMs: integer(
    'TOLLGATE_PSP_CONNECT_TIMEOUT_MS',
    2_000,
    10,
    120_000,
    'connection to a provider, TLS included',
  ),
  pspFirstByteTimeoutMs: integer(
    'TOLLGATE_PSP_FIRST_BYTE_TIMEOUT_MS',
    10_000,
    10,
    120_000,
    'from the request to the head of the answer',
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
    'after this nothing of a checkout is sent; proven not taken, it becomes failed/expired',
  ),
  pendingMaxMs: integer(
    'TOLLGATE_PENDING_MAX_MS',
    604_800_000,
    1_000,
    2_592_000_000,
    'a charge that its provider has not finished after this goes to the dead-letter queue',
  ),
  clockSkewMaxMs: integer(
    'TOLLGATE_CLOCK_SKEW_MAX_MS',
    5_000,
    100,
    3_600_000,
    'nothing is sent, expired or given up while the clock of the processor differs more from that of Postgres',
  ),
  reversesLateCaptures: flag(
    'TOLLGATE_REVERSE_LATE_CAPTURES',
    true,
    'refund a confirmed capture of a payment that reads failed or canceled',
  ),
  retryDelays: delays(
    'TOLLGATE_RETRY_DELAYS',
    '5s,30s,5m',
    'waits between tries, each a topic payments.retry.<delay>; the last one repeats',
  ),
  attemptsMax: integer(
    'TOLLGATE_ATTEMPTS_MAX',
    6,
    1,
    1_000,
    'failed tries of one payment before it goes to the dead-letter queue',
  ),
  providerWaitMs: integer(
    'TOLLGATE_PROVIDER_WAIT_MS',
    86_400_000,
    1_000,
    2_592_000_000,
    'work waits for a provider whose breaker is open this long, then goes to the dead-letter queue',
  ),
  actionExpiresMs: integer(
    'TOLLGATE_ACTION_EXPIRES_MS',
    3_600_000,
    100,
    2_592_000_000,
    'requires_action is canceled at the provider after',
  ),
  pspConcurrency: integer(
    'TOLLGATE_PSP_CONCURRENCY',
    256,
    1,
    10_000,
    'calls at once to one provider, of this process',
  ),
  breakerCallsMin: integer(
    'TOLLGATE_BREAKER_CALLS_MIN',
    20,
    1,
    100_000,
    'a breaker opens when of at least so many calls within 10 s more than half failed',
  ),
  breakerOpenMs: integer(
    'TOLLGATE_BREAKER_OPEN_MS',
    5_000,
    100,
    3_600_000,
    'an open breaker lets one call try after',
  ),
  routes: routes('TOLLGATE_ROUTES'),
  simulatorKeyWindowMs: integer(
    'TOLLGATE_SIMULATOR_KEY_WINDOW_MS',
    86_400_000,
    0,
    2_592_000_000,
    'what the simulator states: a key is remembered this long',
  ),
  simulatorFindLagMs: integer(
    'TOLLGATE_SIMULATOR_FIND_LAG_MS',
    0,
    0,
    86_400_000,
    'what the simulator states: find may not see a charge for this long',
  ),
  simulatorReplaysErrors: flag(
    'TOLLGATE_SIMULATOR_REPLAYS_ERRORS',
    false,
    'what the simulator states: a key replays its first error',
  ),
} as const;

/**
 * One provider of each kind with everything behind it, for the contract that all pass: our
 * simulator, localstripe behind our key layer, a real Postgres.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { processorConfig, simulatorConfig } from '../../engine/config/config.js';
import { createLogger } from '../../engine/util/log.js';
import { migrateAsOwner } from '../../workers/postgres/migrate.js';
import { openPool } from '../../workers/postgres/pool.js';
import type { ChargeRequest, Psp } from '../../workers/psp/port.js';
import { SimulatorPsp } from '../../workers/psp/simulator/simulator-psp.js';
import { StripePsp } from '../../workers/psp/stripe/stripe-psp.js';
import { creditWallet } from '../../workers/psp/wallet/operations.js';
import { WalletPsp } from '../../workers/psp/wallet/wallet-psp.js';
import { startPostgres } from '../local/postgres.js';
import { freePorts } from '../testing/engine-process.js';
import { startKeyLayer } from './key-layer.js';
import { startSimulator } from './simulator/index.js';
import { startLocalstripe } from './stripe.js';

/** A provider and what the contract needs to know of it. */
export interface Candidate {
  readonly psp: Psp;
  readonly methods: {
    readonly approved: string;
    readonly declined: string;
    /** Taken, but the payer has to act first; undefined where that cannot be. */
    readonly waiting: string | undefined;
  };
  readonly declineCode: string;
  /** What the stand-in behind it does not do as the provider does: proven by fixtures instead. */
  readonly gaps: readonly ('refund_bound' | 'late_capture')[];
  /** The reference of an authorized, uncaptured charge; undefined where that cannot be. */
  readonly authorize: ((request: ChargeRequest) => Promise<string>) | undefined;
  /** Captured charges by the provider's own books. */
  readonly captured: (checkoutId: string) => Promise<number>;
  readonly close: () => Promise<void>;
}

export const STRIPE_KEY = 'sk_test_stand_in';
/** Beyond the calls of a busy machine; the faults have shorter ones. */
export const SETTINGS = processorConfig({ TOLLGATE_PSP_TIMEOUT_MS: '5000' });

export async function openSimulator(dir: string): Promise<Candidate> {
  const [port] = (await freePorts(1)) as [number];
  const settings = { TOLLGATE_SIMULATOR_PORT: `${port}`, TOLLGATE_SIMULATOR_DIR: dir };
  const simulator = await startSimulator(simulatorConfig(settings), createLogger('test', 'error'));
  const url = `http://127.0.0.1:${port}`;
  const psp = new SimulatorPsp('simulator', url, SETTINGS);
  return {
    psp,
    methods: {
      approved: 'pm_card_visa',
      declined: 'pm_card_declined',
      waiting: 'pm_requires_action',
    },
    declineCode: 'card_declined',
    gaps: [],
    authorize: async (request) => {
      const answer = await psp.charge({ ...request, paymentMethod: 'pm_requires_action' });
      return answer.reference!;
    },
    captured: async (checkoutId) => {
      const page = await (await fetch(`${url}/ledger?checkout_id=${checkoutId}`)).json();
      const { charges } = page as { charges: { status: string }[] };
      return charges.filter((charge) => charge.status === 'captured').length;
    },
    close: async () => {
      await psp.close();
      await simulator.close();
    },
  };
}

export async function openStripe(dir: string): Promise<Candidate> {
  const [port] = (await freePorts(1)) as [number];
  const localstripe = await startLocalstripe(port, join(dir, 'localstripe.log'));
  const keys = await startKeyLayer(localstripe.url);
  const psp = new StripePsp(STRIPE_KEY, { ...SETTINGS, stripeUrl: keys.url, stripeReturnUrl: '' });
  const direct = async (path: string, fields?: Record<string, string>): Promise<never> => {
    const headers = { authorization: `Bearer ${STRIPE_KEY}` };
    const body = fields ? { method: 'POST', body: new URLSearchParams(fields) } : {};
    const response = await fetch(`${localstripe.url}/v1/${path}`, { headers, ...body });
    return (await response.json()) as never;
  };
  const card = { 'card[exp_month]': '12', 'card[exp_year]': '2040', 'card[cvc]': '123' };
  const waiting = await direct('payment_methods', {
    type: 'card',
    'card[number]': '4000002500003155',
    ...card,
  });
  return {
    psp,
    methods: {
      approved: 'pm_card_visa',
      declined: 'pm_card_chargeCustomerFail',
      waiting: (waiting as { id: string }).id,
    },
    declineCode: 'card_declined',
    gaps: ['refund_bound', 'late_capture'],
    authorize: async (request) => {
      const intent = await direct('payment_intents', {
        amount: `${request.amountMinor}`,
        currency: request.currency.toLowerCase(),
        payment_method: 'pm_card_visa',
        capture_method: 'manual',
        confirm: 'true',
        'metadata[checkout_id]': request.checkoutId,
      });
      return (intent as { id: string }).id;
    },
    captured: async (checkoutId) => {
      const { data } = (await direct('payment_intents?limit=10000')) as {
        data: { status: string; metadata: Record<string, string> }[];
      };
      const mine = data.filter((entry) => entry.metadata['checkout_id'] === checkoutId);
      return mine.filter((entry) => entry.status === 'succeeded').length;
    },
    close: async () => {
      await psp.close();
      await keys.close();
      await localstripe.stop();
    },
  };
}

export async function openWallet(dir: string): Promise<Candidate & { readonly url: string }> {
  const [port] = (await freePorts(1)) as [number];
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const server = await startPostgres({ dir: join(dir, 'pg'), port, log: join(dir, 'pg.log') });
  await migrateAsOwner(server);
  const pool = openPool(server.url, 2);
  const db = await pool.connect();
  const funds = { merchant: 'default', checkoutId: null, currency: 'USD', amountMinor: 1_000_000 };
  await creditWallet(db, { ...funds, key: 'credit/rich' }, 'rich');
  await creditWallet(db, { ...funds, key: 'credit/poor', amountMinor: 1 }, 'poor');
  db.release();
  const psp = new WalletPsp({ databaseUrl: server.url, pspTimeoutMs: 5_000 });
  return {
    psp,
    url: server.url,
    methods: { approved: 'wallet_rich', declined: 'wallet_poor', waiting: undefined },
    declineCode: 'insufficient_funds',
    gaps: [],
    authorize: undefined,
    captured: async (checkoutId) => {
      const { rows } = await pool.query<{ count: number }>(
        `select count(*) from ledger_entries
         where checkout_id = $1 and account = 'wallet:default/rich' and amount_minor > 0`,
        [checkoutId],
      );
      return rows[0]!.count;
    },
    close: async () => {
      await psp.close();
      await pool.end();
      await server.stop('SIGINT', 5_000);
    },
  };
}

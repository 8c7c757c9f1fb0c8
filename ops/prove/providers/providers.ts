/**
 * Every kind of provider through the whole system: 200 payments at once from one wallet that
 * can pay 120 of them, and Stripe by its stand-in. The books of each side are compared.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPool } from '../../../workers/postgres/pool.js';
import { creditWallet } from '../../../workers/psp/wallet/operations.js';
import { startKeyLayer } from '../../fakes/key-layer.js';
import { startLocalstripe } from '../../fakes/stripe.js';
import { query } from '../../testing/audit.js';
import { get, post } from '../../testing/checkout-client.js';
import { freePorts } from '../../testing/engine-process.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';

const PAYMENTS = 200;
const PAYABLE = 120;
const AMOUNT_MINOR = 1_999;
const SETTLE_MS_MAX = 30_000;
const STRIPE_KEY = 'sk_test_of_this_proof';

export const providers: Proof = {
  name: 'providers',
  shows: 'the wallet is never overdrawn by 200 payments at once; Stripe, by its stand-in, agrees',
  async run(stage: Stage) {
    const [port] = (await freePorts(1)) as [number];
    const localstripe = await startLocalstripe(port, join(tmpdir(), `localstripe-${port}.log`));
    const layer = await startKeyLayer(localstripe.url);
    const settings = {
      TOLLGATE_STRIPE_KEY: STRIPE_KEY,
      TOLLGATE_STRIPE_URL: layer.url,
      TOLLGATE_STRIPE_RETURN_URL: 'https://shop.example/back',
    };
    const system = await LocalSystem.start({ settings });
    try {
      await proveWallet(stage, system);
      await proveStripe(stage, system, localstripe.url);
      await proveBalance(stage, system);
    } finally {
      await system.stop();
      await layer.close();
      await localstripe.stop();
    }
  },
};

async function proveWallet(stage: Stage, system: LocalSystem): Promise<void> {
  const pool = openPool(system.endpoints.postgres, 1);
  const db = await pool.connect();
  const amountMinor = PAYABLE * AMOUNT_MINOR + 1;
  const credit = { key: 'proof', merchant: 'default', checkoutId: null, currency: 'USD' };
  await creditWallet(db, { ...credit, amountMinor }, 'proof');
  db.release();
  await pool.end();
  const body = { amount: AMOUNT_MINOR, currency: 'USD', payment_method: 'wallet_proof' };
  const counts = await payAll(stage, system, 'wallet', PAYMENTS, () => body);
  const [row] = await query<Record<string, string>>(
    system,
    `select (select balance_minor from wallets where name = 'proof') as balance,
      (select count(*) from wallet_operations where operation = 'charge' and outcome = 'approved') as paid,
      (select coalesce(sum(amount_minor), 0) from ledger_entries where account = 'provider:wallet') as pending`,
  );
  stage.figure('wallet: balance / paid / not passed on', Object.values(row!).join(' / '));
  stage.must(counts.get('succeeded') === PAYABLE, `not ${PAYABLE} succeeded`);
  stage.must(counts.get('insufficient_funds') === PAYMENTS - PAYABLE, 'not the rest declined');
  stage.must(Number(row!['balance']) === 1, 'the balance is not what is left');
  stage.must(Number(row!['paid']) === PAYABLE, 'the wallet paid otherwise');
  stage.must(Number(row!['pending']) === 0, 'money is stuck between wallet and merchants');
}

async function proveStripe(stage: Stage, system: LocalSystem, localstripe: string): Promise<void> {
  const count = stage.size(20, 200);
  const counts = await payAll(stage, system, 'stripe', count, (n) => ({
    amount: AMOUNT_MINOR,
    currency: 'USD',
    provider: 'stripe',
    payment_method: n % 5 === 0 ? 'pm_card_chargeCustomerFail' : 'pm_card_visa',
  }));
  const response = await fetch(`${localstripe}/v1/payment_intents?limit=10000`, {
    headers: { authorization: `Bearer ${STRIPE_KEY}` },
  });
  const { data } = (await response.json()) as {
    data: { status: string; metadata: { checkout_id: string } }[];
  };
  const paid = data
    .filter((entry) => entry.status === 'succeeded')
    .map((entry) => entry.metadata.checkout_id);
  stage.figure('stand-in of Stripe: intents / succeeded', `${data.length} / ${paid.length}`);
  stage.must(new Set(paid).size === paid.length, 'a payment was captured twice');
  stage.must(counts.get('succeeded') === (count * 4) / 5, 'not four of five succeeded');
  stage.must(counts.get('card_declined') === count / 5, 'not one of five was declined');
  stage.must(paid.length === (count * 4) / 5, 'Stripe captured otherwise');
}

async function proveBalance(stage: Stage, system: LocalSystem): Promise<void> {
  const rows = await query<{ account: string; total: string }>(
    system,
    'select account, sum(amount_minor) as total from ledger_entries group by account order by account',
  );
  for (const { account, total } of rows) stage.figure(`ledger: ${account}`, total);
  const sum = rows.reduce((total, row) => total + Number(row.total), 0);
  stage.must(sum === 0, `the ledger sums to ${sum}`);
}

/** All at once. @returns how many ended with each failure code, or `succeeded` */
async function payAll(
  stage: Stage,
  system: LocalSystem,
  prefix: string,
  count: number,
  bodyOf: (n: number) => object,
): Promise<Map<string, number>> {
  const since = Date.now();
  const ids = Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
  const posts = await Promise.all(ids.map((id, n) => post(system.endpoints.api, id, bodyOf(n))));
  stage.must(
    posts.every((answer) => answer.status === 202),
    'a post was not answered 202',
  );
  const counts = new Map<string, number>();
  for (const id of ids) {
    const end = await endOf(system, id, since + SETTLE_MS_MAX);
    counts.set(end, (counts.get(end) ?? 0) + 1);
  }
  const list = [...counts].map(([end, n]) => `${end} ${n}`).join(', ');
  stage.figure(`${count} payments by ${prefix}`, `${list} in ${Date.now() - since} ms`);
  return counts;
}

async function endOf(system: LocalSystem, id: string, giveUpAt: number): Promise<string> {
  for (;;) {
    const { body } = await get(system.endpoints.api, id, { Prefer: 'wait=5' });
    const payment = JSON.parse(body) as { status: string; failure_code?: string };
    if (payment.status === 'succeeded') return 'succeeded';
    if (payment.status === 'failed') return payment.failure_code ?? 'failed';
    if (Date.now() > giveUpAt) return payment.status;
    await sleep(20);
  }
}

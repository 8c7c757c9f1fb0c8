/** `tollgate wallet`: credits wallets, and shows their balances. */
import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import type { ClientBase } from 'pg';
import { processorConfig } from '../../engine/config/config.js';
import { prepareSchema } from '../../workers/postgres/migrate.js';
import { recordAct } from '../../workers/postgres/operator-actions.js';
import { openPool } from '../../workers/postgres/pool.js';
import { creditWallet, readWallets } from '../../workers/psp/wallet/operations.js';
import { actorName } from './actor.js';
import { withinAnswerTime } from './answer-time.js';
import { currencyOf, nameOf } from './arguments.js';
import { useRunning } from './running.js';

interface CreditOptions {
  readonly amount: number;
  readonly currency: string;
  readonly merchant: string;
  readonly key: string;
  readonly note?: string;
}

export function registerWallet(program: Command): void {
  const wallet = program.command('wallet').description('money that holders keep with us');
  wallet
    .command('credit')
    .description('put money in; a payment takes it with payment_method wallet_<name>')
    .argument('<name>', 'wallet; the first credit makes it', nameOf)
    .requiredOption('--amount <minor units>', 'amount', amountOf)
    .option('--currency <code>', 'ISO 4217', currencyOf, 'USD')
    .option('--merchant <merchant>', 'whose wallet', nameOf, 'default')
    .option('--key <text>', 'the same key credits once', nameOf, randomBytes(8).toString('hex'))
    .action((name: string, options: CreditOptions) =>
      withDatabase((db) => credit(db, name, options)),
    );
  wallet
    .command('show')
    .description('balances by currency')
    .argument('<name>', 'wallet', nameOf)
    .option('--merchant <merchant>', 'whose wallet', nameOf, 'default')
    .action((name: string, options: { merchant: string }) =>
      withDatabase((db) => show(db, name, options.merchant)),
    );
}

async function credit(db: ClientBase, name: string, options: CreditOptions): Promise<void> {
  const { merchant, currency, amount, key } = options;
  console.log(
    `key ${key}: repeat with --key if this command is cut off, the same key credits once`,
  );
  const target = { wallet: name, merchant, amount, currency, key };
  await recordAct(db, { actor: actorName(), action: 'wallet credit', target, note: options.note });
  const funds = { merchant, checkoutId: null, currency, amountMinor: amount };
  const done = await creditWallet(db, { ...funds, key: `${merchant}/credit/${key}` }, name);
  if (done.isReused) throw new Error(`the key ${key} was used for another credit`);
  if (done.isReplayed)
    console.log(`${done.operation.reference}, key ${key}, was credited before; nothing changed`);
  else
    console.log(
      `credited ${amount} ${currency} to ${name}: ${done.operation.reference}, key ${key}`,
    );
  await show(db, name, merchant);
}

async function show(db: ClientBase, name: string, merchant: string): Promise<void> {
  const wallets = await readWallets(db, merchant, name);
  if (wallets.length === 0) throw new Error(`${merchant} has no wallet ${name}`);
  for (const wallet of wallets) console.log(`${name} ${wallet.balance_minor} ${wallet.currency}`);
}

async function withDatabase(work: (db: ClientBase) => Promise<void>): Promise<void> {
  useRunning();
  const { databaseUrl } = processorConfig();
  await withinAnswerTime(
    prepareSchema(databaseUrl),
    'Postgres',
    databaseUrl,
    'TOLLGATE_DATABASE_URL',
  );
  const pool = openPool(databaseUrl, 1);
  try {
    const db = await pool.connect();
    const done = work(db).finally(() => db.release());
    await withinAnswerTime(done, 'Postgres', databaseUrl, 'TOLLGATE_DATABASE_URL');
  } finally {
    await pool.end();
  }
}

function amountOf(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('a whole number from 1');
  return Number(text);
}

/**
 * Our side of a month that the simulator's bulk books report: the same payments, made by
 * Postgres out of the same formulas. Nothing of the reconciliation takes part.
 */
import pg from 'pg';
import { migrateAsOwner } from '../../../workers/postgres/migrate.js';
import type { LocalPostgres } from '../../local/postgres.js';

/** Bulk loading without the checks a row, which are slow; the sum is looked at afterwards. */
const LOAD = `
set session_replication_role = replica;
insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency,
  payment_method, provider, provider_reference, refunded_amount, version, published_version,
  idempotency_key, first_sent_at, accepted_at, created_at, updated_at)
select 'shop-' || n % 5, 'c-' || n, 0, '\\x00', 'succeeded', 100 + (n * 7919) % 100000,
  (array['USD', 'EUR', 'JPY', 'BHD'])[n % 4 + 1], 'pm_card_visa', 'simulator',
  'ch_' || lpad(n::text, 10, '0'), case when n % 50 = 0 then 10 else 0 end, 2, 2,
  'shop-' || n % 5 || '/c-' || n || '/charge/1', at, at, at, at
from (select n, from_at + n * (until_at - from_at) / :count as at
  from generate_series(0, :count::bigint - 1) n,
    (select timestamptz ':month-01 00:00Z' as from_at,
      timestamptz ':month-01 00:00Z' + interval '1 month' as until_at) m) g;
insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor, at)
select 'charge/' || merchant || '/' || checkout_id, merchant, checkout_id, e.account, currency,
  e.amount, updated_at
from payments p cross join lateral (values
  ('provider:' || provider, amount), ('merchant:' || merchant, -amount)) e(account, amount)
where not (checkout_id = any(:open));
insert into ledger_entries (transaction_id, merchant, checkout_id, account, currency, amount_minor, at)
select 'refund/' || merchant || '/' || checkout_id || '/1', merchant, checkout_id, e.account,
  currency, e.amount, updated_at
from payments p cross join lateral (values
  ('provider:' || provider, -refunded_amount), ('merchant:' || merchant, refunded_amount))
  e(account, amount)
where refunded_amount > 0;
update payments set status = 'processing', provider_reference = null, version = 1,
  published_version = 1 where checkout_id = any(:open);
set session_replication_role = origin;
`;

export interface MonthOptions {
  readonly server: LocalPostgres;
  readonly count: number;
  readonly month: string;
  /** Checkout ids whose outcome we do not know. */
  readonly open: readonly string[];
}

export async function writeMonth(options: MonthOptions): Promise<void> {
  const { server, count, month, open } = options;
  await migrateAsOwner(server);
  const client = new pg.Client({ connectionString: server.adminUrl });
  await client.connect();
  try {
    const list = `array[${open.map((text) => client.escapeLiteral(text)).join(', ')}]::text[]`;
    const sql = LOAD.replaceAll(':count', `${count}`)
      .replaceAll(':month', month)
      .replaceAll(':open', list);
    await client.query(sql);
    await client.query('analyze payments; analyze ledger_entries');
  } finally {
    await client.end();
  }
}

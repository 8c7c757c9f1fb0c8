/**
 * Produces the wallet's operations as a report like any provider's. They are read from Postgres
 * through a cursor, so a month takes constant memory.
 */
import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import { addDays, monthDays, type Period, reportsFor } from '../calendar.js';
import { openConnection } from '../connection.js';
import type { Report, SettlementSource } from './source.js';

const CHUNK_ROWS = 1_000;
const COLUMNS = [
  'reference',
  'merchant',
  'checkout_id',
  'type',
  'amount',
  'currency',
  'fee',
  'refund_reference',
  'created_at',
] as const;

const OPERATIONS = `
declare operations no scroll cursor for
select coalesce(c.reference, o.reference) as reference, o.merchant, o.checkout_id,
  o.operation as type,
  case when o.operation = 'refund' then -o.amount_minor else o.amount_minor end as amount,
  o.currency, 0 as fee,
  case when o.operation = 'refund' then o.reference end as refund_reference,
  to_char(o.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as created_at
from wallet_operations o
left join lateral (
  select c.reference from wallet_operations c, payments p
  where o.operation = 'refund' and p.merchant = o.merchant and p.checkout_id = o.checkout_id
    and c.reference = p.provider_reference limit 1) c on true
where o.outcome = 'approved' and o.operation in ('charge', 'refund')
  and o.at >= $1::date::timestamp at time zone 'UTC'
  and o.at < $2::date::timestamp at time zone 'UTC'
order by o.at, o.reference`;

type Row = Record<(typeof COLUMNS)[number], string | number | null>;

export class WalletSource implements SettlementSource {
  readonly provider = 'wallet';
  readonly #databaseUrl: string;

  constructor(databaseUrl: string) {
    this.#databaseUrl = databaseUrl;
  }

  async reports(period: Period, from: Date): Promise<readonly Report[]> {
    return reportsFor(period, from).map((label) => ({
      name: `${label}.csv`,
      amounts: 'minor',
      open: async () => Readable.from(this.#chunks(label), { objectMode: false }),
    }));
  }

  async *#chunks(label: string): AsyncGenerator<string> {
    const bounds = label.length === 7 ? monthDays(label) : [label, addDays(label, 1)];
    const client = await openConnection(this.#databaseUrl);
    try {
      await client.query('begin read only');
      await client.query(boundTo(bounds));
      yield stringify([COLUMNS]);
      for (;;) {
        const { rows } = await client.query<Row>(`fetch ${CHUNK_ROWS} from operations`);
        if (rows.length === 0) return;
        yield stringify(rows, { columns: [...COLUMNS] });
      }
    } finally {
      await client.end();
    }
  }
}

/** DECLARE takes no parameters; the bounds are days that the calendar has made. */
function boundTo([first, next]: readonly string[]): string {
  return OPERATIONS.replace('$1', `'${first}'`).replace('$2', `'${next}'`);
}

/** The open items: listed page by page, and closed by an operator with a reason. */
import type pg from 'pg';
import { EngineError } from '../../engine/util/errors.js';

export interface Item {
  readonly id: number;
  readonly kind: string;
  readonly state: 'open' | 'carried' | 'healed' | 'resolved';
  readonly provider: string;
  readonly subject: string;
  readonly merchant: string | null;
  readonly checkout_id: string | null;
  readonly reference: string | null;
  readonly ours: object | null;
  readonly theirs: object | null;
  readonly at: Date;
  readonly reason: string;
  readonly actor: string;
}

export interface ItemFilter {
  readonly from: Date;
  readonly until: Date;
  readonly states: readonly Item['state'][];
}

/** An item that says the same as before stays as it is, also one that was resolved. */
export const UPSERT_ITEM = `
on conflict (provider, subject) do update set kind = excluded.kind, ours = excluded.ours,
  theirs = excluded.theirs, state = excluded.state, reason = excluded.reason,
  actor = excluded.actor, run_id = excluded.run_id, updated_at = now()
where (reconciliation_items.kind, reconciliation_items.ours, reconciliation_items.theirs)
  is distinct from (excluded.kind, excluded.ours, excluded.theirs)`;

const PAGE_ROWS = 1_000;
const REASON_CHARS_MAX = 500;
export const ALL_STATES = ['open', 'carried', 'healed', 'resolved'] as const;

/** In the order in which they were found. */
export async function* readItems(client: pg.ClientBase, filter: ItemFilter): AsyncGenerator<Item> {
  for (let after = 0; ; ) {
    const { rows } = await client.query<Item>(
      `select id, kind, state, provider, subject, merchant, checkout_id, reference, ours, theirs, at,
         reason, actor
       from reconciliation_items
       where id > $1 and at >= $2 and at < $3 and state = any($4) order by id limit ${PAGE_ROWS}`,
      [after, filter.from, filter.until, filter.states],
    );
    yield* rows;
    if (rows.length < PAGE_ROWS) return;
    after = rows.at(-1)!.id;
  }
}

export interface ItemCount {
  readonly kind: string;
  readonly state: Item['state'];
  readonly count: number;
}

export async function countItems(
  client: pg.ClientBase,
  from: Date,
  until: Date,
): Promise<ItemCount[]> {
  const { rows } = await client.query<ItemCount>(
    `select kind, state, count(*) as count from reconciliation_items
     where at >= $1 and at < $2 group by kind, state order by kind, state`,
    [from, until],
  );
  return rows;
}

export function openIn(counts: readonly ItemCount[]): number {
  return counts
    .filter((count) => count.state === 'open')
    .reduce((sum, count) => sum + count.count, 0);
}

/** Throws EngineError `item_not_open` unless the item is open or carried, `reason_missing` without words. */
export async function resolveItem(
  client: pg.ClientBase,
  id: number,
  reason: string,
  actor: string,
): Promise<void> {
  if (reason.trim() === '' || actor.trim() === '')
    throw new EngineError('reason_missing', 'say what was found out and done, and who decided.');
  const { rowCount } = await client.query(
    `update reconciliation_items set state = 'resolved', reason = $2, actor = $3, updated_at = now()
     where id = $1 and state in ('open', 'carried')`,
    [id, reason.slice(0, REASON_CHARS_MAX), actor],
  );
  if (rowCount === 0) throw new EngineError('item_not_open', `item ${id} is not open`);
}

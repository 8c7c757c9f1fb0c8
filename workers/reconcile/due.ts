/**
 * Which periods should have been reconciled by now: the accounting days and months that have
 * ended and whose hour has come, from the last one that was done. The hour is read from the
 * clock of the accounting days.
 */
import type pg from 'pg';
import {
  accountingDay,
  addDays,
  type Clock,
  monthBefore,
  monthOf,
  type PeriodKind,
} from './calendar.js';

/** A processor that was away for longer begins here; older days are run by hand. */
const DAYS_MAX = 35;

export interface DuePeriod {
  readonly kind: PeriodKind;
  readonly label: string;
}

/** In the order in which they are to be run: a month after its days. */
export async function duePeriods(
  client: pg.ClientBase,
  clock: Clock,
  hour: number,
  now: Date,
): Promise<DuePeriod[]> {
  // A day is due at `hour` after its end: as if days started so much later.
  const delay = (hour - clock.cutoffHour + 24) % 24;
  const today = await accountingDay(client, clock, new Date(now.getTime() - delay * 3_600_000));
  const done = await finished(client);
  const days: string[] = [];
  for (let day = addDays(today, -1); days.length < DAYS_MAX; day = addDays(day, -1)) {
    if (done.has(`daily ${day}`)) break;
    days.unshift(day);
    // Nothing was ever run: yesterday is where it starts.
    if (!done.has('daily')) break;
  }
  const month = monthBefore(monthOf(today));
  const hasDays = [...days.map((it) => `daily ${it}`), ...done].some((it) =>
    it.startsWith(`daily ${month}-`),
  );
  const isMonthDue = hasDays && !done.has(`monthly ${month}`);
  return [
    ...days.map((label): DuePeriod => ({ kind: 'daily', label })),
    ...(isMonthDue ? [{ kind: 'monthly' as const, label: month }] : []),
  ];
}

/** `<kind> <period>` of what is done, and the bare kind where there is anything. */
async function finished(client: pg.ClientBase): Promise<Set<string>> {
  const { rows } = await client.query<{ kind: string; period: string }>(
    `select kind, period from reconciliation_runs where state = 'finished'
     order by period desc limit 1000`,
  );
  return new Set(rows.flatMap((it) => [it.kind, `${it.kind} ${it.period}`]));
}

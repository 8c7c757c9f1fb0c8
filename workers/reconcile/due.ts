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
  const yesterday = addDays(today, -1);
  const last = done.lastDay ?? addDays(yesterday, -1);
  const days: string[] = [];
  for (let day = yesterday; day > last && days.length < DAYS_MAX; day = addDays(day, -1))
    days.unshift(day);
  const month = monthBefore(monthOf(today));
  const hasDays = [...days, ...done.days].some((it) => monthOf(it) === month);
  const isMonthDue = hasDays && !done.months.has(month);
  return [
    ...days.map((label): DuePeriod => ({ kind: 'daily', label })),
    ...(isMonthDue ? [{ kind: 'monthly' as const, label: month }] : []),
  ];
}

interface Finished {
  readonly days: readonly string[];
  readonly lastDay: string | undefined;
  readonly months: ReadonlySet<string>;
}

async function finished(client: pg.ClientBase): Promise<Finished> {
  const { rows } = await client.query<{ kind: PeriodKind; period: string }>(
    `select kind, period from reconciliation_runs where state = 'finished'
     order by period desc limit 1000`,
  );
  const of = (kind: PeriodKind): string[] =>
    rows.filter((it) => it.kind === kind).map((it) => it.period);
  const days = of('daily');
  return { days, lastDay: days[0], months: new Set(of('monthly')) };
}

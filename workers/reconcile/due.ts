/**
 * Which periods should have been reconciled by now: the accounting days and months that have
 * ended, whose hour has come and that are not finished, also those before the newest finished
 * one. The hour is read from the clock of the accounting days. What failed waits for its time.
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
  const yesterday = addDays(today, -1);
  const earliest = addDays(today, -DAYS_MAX);
  const runs = await runsSince(client, monthOf(earliest));
  const begins = [await firstDay(client, clock), runs.firstDay].filter((day) => day !== undefined);
  const first = begins.reduce((a, b) => (a < b ? a : b), yesterday);
  const days: string[] = [];
  for (let day = yesterday; day >= first && day >= earliest; day = addDays(day, -1))
    days.unshift(day);
  const isDue = (kind: PeriodKind, label: string): boolean => !runs.isSettled(kind, label);
  const ended = monthBefore(monthOf(today));
  const months = [...new Set(days.map(monthOf))].filter((month) => month <= ended);
  if (months.length === 0 && runs.hasDayIn(ended)) months.push(ended);
  return [
    ...days
      .filter((day) => isDue('daily', day))
      .map((label): DuePeriod => ({ kind: 'daily', label })),
    ...months
      .filter((month) => isDue('monthly', month))
      .map((label): DuePeriod => ({ kind: 'monthly', label })),
  ];
}

/** The accounting day of the first booking, if there is one. */
async function firstDay(client: pg.ClientBase, clock: Clock): Promise<string | undefined> {
  const { rows } = await client.query<{ at: Date }>(
    'select at from ledger_entries order by id limit 1',
  );
  return rows[0] && accountingDay(client, clock, rows[0].at);
}

interface Runs {
  /** The earliest day that was finished. */
  readonly firstDay: string | undefined;
  /** Finished, or waiting for its next try. */
  isSettled(kind: PeriodKind, label: string): boolean;
  hasDayIn(month: string): boolean;
}

async function runsSince(client: pg.ClientBase, month: string): Promise<Runs> {
  const { rows } = await client.query<{ run: string }>(
    `select kind || ' ' || period as run from reconciliation_runs
     where period >= $1 and (state = 'finished' or next_try_at > now())`,
    [month],
  );
  const { rows: first } = await client.query<{ day: string | null }>(
    `select min(period) as day from reconciliation_runs where kind = 'daily' and state = 'finished'`,
  );
  const settled = new Set(rows.map(({ run }) => run));
  return {
    firstDay: first[0]!.day ?? undefined,
    isSettled: (kind, label) => settled.has(`${kind} ${label}`),
    hasDayIn: (wanted) => rows.some(({ run }) => run.startsWith(`daily ${wanted}-`)),
  };
}

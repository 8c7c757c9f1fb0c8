/**
 * Accounting periods. A day runs from its cut-off hour to the next day's, on the clock of a
 * configured place; Postgres knows that clock (`accounting_day_start`), so that a day of 23
 * or 25 hours has one definition. A month is its days. Reports of providers are by UTC day.
 */
import type pg from 'pg';
import { EngineError } from '../../engine/util/errors.js';

export type PeriodKind = 'daily' | 'monthly';

export interface Clock {
  readonly timeZone: string;
  readonly cutoffHour: number;
}

export interface Period {
  readonly kind: PeriodKind;
  /** YYYY-MM-DD or YYYY-MM */
  readonly label: string;
  readonly from: Date;
  /** Exclusive. */
  readonly until: Date;
}

/** The bounds of a period. Throws EngineError `period_invalid` for a day that does not exist. */
export async function periodOf(
  client: pg.ClientBase,
  clock: Clock,
  kind: PeriodKind,
  label: string,
): Promise<Period> {
  const [first, next] = daysOf({ kind, label });
  const { rows } = await client.query<{ from: Date; until: Date }>(
    `select accounting_day_start($1, $3, $4) as from, accounting_day_start($2, $3, $4) as until`,
    [first, next, clock.timeZone, clock.cutoffHour],
  );
  return { kind, label, ...rows[0]! };
}

/** The first day of a period and the first behind it. */
export function daysOf({ kind, label }: Pick<Period, 'kind' | 'label'>): [string, string] {
  return kind === 'daily' ? [dayOf(label), addDays(label, 1)] : monthDays(label);
}

/** The accounting day that a moment belongs to. */
export async function accountingDay(
  client: pg.ClientBase,
  clock: Clock,
  at: Date,
): Promise<string> {
  const { rows } = await client.query<{ day: string }>(
    `select accounting_day($1, $2, $3)::text as day`,
    [at, clock.timeZone, clock.cutoffHour],
  );
  return rows[0]!.day;
}

export function addDays(day: string, days: number): string {
  const at = Date.parse(`${dayOf(day)}T00:00:00Z`);
  return new Date(at + days * 86_400_000).toISOString().slice(0, 10);
}

export function monthOf(day: string): string {
  return dayOf(day).slice(0, 7);
}

export function monthBefore(month: string): string {
  return monthOf(addDays(monthDays(month)[0], -1));
}

/** The first day of a month and the first of the next. */
export function monthDays(month: string): [first: string, next: string] {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month);
  if (!match) throw invalid(`"${month}" is not a month: YYYY-MM`);
  const next = new Date(Date.UTC(Number(match[1]), Number(match[2]), 1));
  return [`${month}-01`, next.toISOString().slice(0, 10)];
}

/**
 * The reports, by UTC day or month, that together cover `[from, until)` without overlap: for
 * a monthly run the month's own report, and days for what hangs over its ends.
 */
export function reportsFor(period: Period, from: Date): string[] {
  const days: string[] = [];
  const last = new Date(period.until.getTime() - 1).toISOString().slice(0, 10);
  for (let day = from.toISOString().slice(0, 10); day <= last; day = addDays(day, 1))
    days.push(day);
  if (period.kind === 'daily') return days;
  return [period.label, ...days.filter((day) => monthOf(day) !== period.label)];
}

/** Whether the calendar has this day: YYYY-MM-DD. */
export function isDay(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`);
  const isWritten = /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at);
  return isWritten && new Date(at).toISOString().slice(0, 10) === text;
}

/** The day itself, if there is such a day. */
function dayOf(text: string): string {
  if (!isDay(text)) throw invalid(`"${text}" is not a day: YYYY-MM-DD`);
  return text;
}

function invalid(message: string): EngineError {
  return new EngineError('period_invalid', message);
}

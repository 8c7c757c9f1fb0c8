/** Settings of reconciliation and settlement: the processor's scheduler and the command line. */
import { choice, flag, integer, type Setting, text } from '../settings.js';

export const reconcileTable = {
  reconcileSchedule: flag(
    'TOLLGATE_RECONCILE',
    true,
    'reconcile by itself, daily and at each month’s end',
  ),
  reconcileHour: integer(
    'TOLLGATE_RECONCILE_HOUR',
    3,
    0,
    23,
    'hour on the accounting clock at which the day before is reconciled',
  ),
  timeZone: zone('TOLLGATE_TIME_ZONE', 'UTC', 'clock of the accounting days, e.g. Europe/Berlin'),
  cutoffHour: integer('TOLLGATE_CUTOFF_HOUR', 0, 0, 23, 'hour at which an accounting day starts'),
  lateMinutes: integer(
    'TOLLGATE_LATE_MINUTES',
    60,
    0,
    720,
    'what is missing outside within this before the cut-off waits for the next run',
  ),
  providerFees: text(
    'TOLLGATE_PROVIDER_FEES',
    'simulator=14',
    'agreed fees of charges: per mille (simulator=14), or percent plus minor units, per currency too (card=2.9%+30,card:JPY=3%); other providers are not compared',
  ),
  feeRounding: choice(
    'TOLLGATE_FEE_ROUNDING',
    'half_up',
    ['half_up', 'half_even', 'down'],
    'how an agreed fee becomes whole minor units',
  ),
  settlementDir: text(
    'TOLLGATE_SETTLEMENT_DIR',
    '',
    'reports of other providers: <folder>/<provider>/*.csv (default HOME/settlements)',
  ),
} as const;

function zone(env: string, fallback: string, doc: string): Setting<string> {
  const parse = (value: string): string => {
    try {
      const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions();
      // Its name for the zone may be one that Postgres no longer knows: Asia/Calcutta for Asia/Kolkata.
      return timeZone.toLowerCase() === value.toLowerCase() ? timeZone : value;
    } catch {
      throw new Error(`"${value}" is not a time zone such as Europe/Berlin`);
    }
  };
  return { env, doc, fallback, parse };
}

/** How long Postgres keeps what grows with every payment and is no book. */
import { flag, integer } from '../settings.js';

const months = (env: string, fallback: number, doc: string) => integer(env, fallback, 2, 120, doc);

export const maintenanceTable = {
  maintenance: flag(
    'TOLLGATE_MAINTENANCE',
    true,
    'make and drop partitions of Postgres by itself; off where `tollgate maintain` does it',
  ),
  keepCallsMonths: months(
    'TOLLGATE_KEEP_CALLS_MONTHS',
    13,
    'whole months for which calls to providers are kept (psp_calls)',
  ),
  keepEventsMonths: months(
    'TOLLGATE_KEEP_EVENTS_MONTHS',
    13,
    'whole months for which changes of payments are kept (payment_events)',
  ),
  keepWebhooksMonths: months(
    'TOLLGATE_KEEP_WEBHOOKS_MONTHS',
    3,
    'whole months for which webhooks and their ids are kept (webhook_events)',
  ),
  keepLinesMonths: months(
    'TOLLGATE_KEEP_SETTLEMENT_LINES_MONTHS',
    3,
    'whole months for which lines of providers’ reports are kept (settlement_lines)',
  ),
} as const;

/** What the simulator's HTTP answers mean, operation by operation. Pure. */
import type { Outcome, PspAnswer } from '../port.js';

export type Operation = 'charge' | 'find' | 'cancel' | 'capture' | 'refund';

interface Charge {
  readonly reference: string;
  readonly status: string;
  readonly failure_code?: string | null;
  readonly next_action?: unknown;
}

interface Body extends Partial<Charge> {
  readonly error?: { readonly code?: string; readonly message?: string };
  readonly charge?: Charge;
  readonly refund_reference?: string;
}

const NOTHING = {
  reference: null,
  failureCode: null,
  nextAction: null,
  retryAfterMs: null,
} as const;
/** They say nothing of the card: who we are, and what else is under way with this key. */
const SAYS_NOTHING = [401, 403, 409];

/** The provider's explicit word, or `unknown`. */
export function answerOf(operation: Operation, httpStatus: number, response: unknown): PspAnswer {
  const body = (response ?? {}) as Body;
  const charge = body.charge ?? (body.status ? (body as Charge) : undefined);
  const reference = body.refund_reference ?? charge?.reference ?? null;
  const known = { ...NOTHING, httpStatus, response, reference };
  if (httpStatus === 429) return { ...known, outcome: 'not_sent' };
  if (httpStatus >= 500 || SAYS_NOTHING.includes(httpStatus))
    return { ...known, outcome: 'unknown' };
  if (httpStatus === 404) return { ...known, outcome: 'declined', failureCode: 'not_found' };
  if (httpStatus >= 400) {
    const failureCode = body.error?.code ?? charge?.failure_code ?? `http_${httpStatus}`;
    return { ...known, outcome: 'declined', failureCode };
  }
  if (body.refund_reference) return { ...known, outcome: 'approved' };
  if (!charge) return { ...known, outcome: 'unknown' };
  const outcome = operation === 'cancel' ? afterCancel(charge) : afterCharge(charge);
  const failureCode = outcome === 'declined' ? (charge.failure_code ?? charge.status) : null;
  return { ...known, outcome, failureCode, nextAction: charge.next_action ?? null };
}

function afterCharge({ status }: Charge): Outcome {
  if (status === 'captured' || status === 'refunded') return 'approved';
  return status === 'declined' || status === 'canceled' ? 'declined' : 'unknown';
}

function afterCancel({ status }: Charge): Outcome {
  return status === 'canceled' ? 'approved' : 'unknown';
}

/** The answer without what Postgres cannot hold: U+0000 and lone surrogates. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text, (_name, value) => (typeof value === 'string' ? clean(value) : value));
  } catch {
    return { text: clean(text.slice(0, 200)) };
  }
}

function clean(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

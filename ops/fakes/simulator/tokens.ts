/** What each test token makes the simulator do. */
export interface Behaviour {
  /** What the ledger says when the charge is taken. */
  readonly status: 'captured' | 'declined' | 'authorized';
  readonly failureCode: string | null;
  /** The answer waits this long; the ledger does not. */
  readonly answerAfterMs: number;
  /** The first answer of a key never comes. */
  readonly isFirstAnswerLost: boolean;
  /** The first so many requests of a key answer 500 and take nothing. */
  readonly errorsFirst: number;
  /** What is not captured is captured by itself after this, also when it was declined. */
  readonly capturesAfterMs: number | null;
  readonly needsAction: boolean;
  /** How often each event of it is sent; 0: it is lost. */
  readonly webhookCopies: 0 | 1 | 2;
}

const CAPTURED: Behaviour = {
  status: 'captured',
  failureCode: null,
  answerAfterMs: 0,
  isFirstAnswerLost: false,
  errorsFirst: 0,
  capturesAfterMs: null,
  needsAction: false,
  webhookCopies: 1,
};
const ANSWER_AFTER_MS_MAX = 60_000;
const ERRORS_MAX = 100;

function declined(failureCode: string): Behaviour {
  return { ...CAPTURED, status: 'declined', failureCode };
}

function authorized(capturesAfterMs: number): Behaviour {
  return { ...CAPTURED, status: 'authorized', capturesAfterMs };
}

const TOKENS = new Map<string, Behaviour>([
  ['pm_card_visa', CAPTURED],
  ['pm_card_declined', declined('card_declined')],
  ['pm_card_insufficient_funds', declined('insufficient_funds')],
  // A provider that says no and takes the money all the same.
  ['pm_captured_after_decline', { ...declined('card_declined'), capturesAfterMs: 500 }],
  ['pm_requires_action', { ...authorized(1_000), needsAction: true }],
  ['pm_timeout', { ...CAPTURED, isFirstAnswerLost: true }],
  ['pm_webhook_only', authorized(300)],
  ['pm_webhook_lost', { ...authorized(300), webhookCopies: 0 }],
  ['pm_webhook_twice', { ...authorized(300), webhookCopies: 2 }],
]);

export function behaviourOf(paymentMethod: string): Behaviour {
  const [, kind, digits] = /^pm_(slow|error)_(\d{1,6})$/.exec(paymentMethod) ?? [];
  const n = Number(digits);
  if (kind === 'slow') return { ...CAPTURED, answerAfterMs: Math.min(n, ANSWER_AFTER_MS_MAX) };
  if (kind === 'error') return { ...CAPTURED, errorsFirst: Math.min(n, ERRORS_MAX) };
  return TOKENS.get(paymentMethod) ?? declined('payment_method_unknown');
}

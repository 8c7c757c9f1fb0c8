/**
 * Stripe's webhooks, verified by Stripe's own package. It decodes the body first, replacing
 * what is no UTF-8 and dropping a byte order mark, and lets a signature from the future
 * pass: both are refused here.
 */
import { Stripe } from 'stripe';
import { identityOf, type Scheme, TOLERANCE_SECONDS, type Verdict } from './scheme.js';

const HEADER_CHARS_MAX = 1_024;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const stripeScheme: Scheme = {
  header: 'stripe-signature',
  verify(body, signature, secrets, nowMs): Verdict {
    const text = exactText(body);
    if (text === undefined || signature.length > HEADER_CHARS_MAX) return 'forged';
    const verdicts = secrets.map((secret) => verdictOf(text, signature, secret, nowMs));
    return (
      verdicts.find((verdict) => verdict === 'genuine') ??
      verdicts.find((verdict) => verdict === 'stale') ??
      'forged'
    );
  },
  identify(event) {
    const entry = event as {
      id?: unknown;
      data?: { object?: { metadata?: object } | null };
    } | null;
    return identityOf(entry?.id, entry?.data?.object?.metadata);
  },
};

/** The age is judged here, both ways; so the package is told to judge none (0). */
function verdictOf(text: string, signature: string, secret: string, nowMs: number): Verdict {
  try {
    Stripe.webhooks.signature!.verifyHeader(text, signature, secret, 0);
  } catch {
    return 'forged';
  }
  const times = signature.split(',').filter((part) => part.startsWith('t='));
  const time = times.at(-1)!.slice(2);
  if (!/^\d{1,12}$/.test(time)) return 'forged';
  const ageSeconds = nowMs / 1_000 - Number(time);
  return Math.abs(ageSeconds) <= TOLERANCE_SECONDS ? 'genuine' : 'stale';
}

function exactText(body: Buffer): string | undefined {
  try {
    return utf8.decode(body);
  } catch {
    return undefined;
  }
}

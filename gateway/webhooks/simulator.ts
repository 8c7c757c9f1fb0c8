/**
 * The simulator's webhooks: `X-PSP-Signature: t=<Unix seconds>,v1=<hex>`, an HMAC-SHA256
 * over `t.body`; the event names the payment in its data.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { identityOf, type Scheme, TOLERANCE_SECONDS, type Verdict } from './scheme.js';

const HEADER_CHARS_MAX = 1_024;

export const simulatorScheme: Scheme = {
  header: 'x-psp-signature',
  verify(body, signature, secrets, nowMs): Verdict {
    const parsed = parse(signature);
    if (parsed === undefined) return 'forged';
    const isOurs = secrets.some((secret) => {
      const expected = createHmac('sha256', secret).update(`${parsed.t}.`).update(body).digest();
      return parsed.signatures.some((bytes) => timingSafeEqual(bytes, expected));
    });
    if (!isOurs) return 'forged';
    const ageSeconds = Math.abs(nowMs / 1_000 - Number(parsed.t));
    return ageSeconds <= TOLERANCE_SECONDS ? 'genuine' : 'stale';
  },
  identify(event) {
    const entry = event as { id?: unknown; data?: Record<string, unknown> | null } | null;
    return identityOf(entry?.id, entry?.data);
  },
};

/** Several v1 are allowed: a sender that rotates its secret signs with both. */
function parse(header: string): { t: string; signatures: Buffer[] } | undefined {
  if (header.length > HEADER_CHARS_MAX) return undefined;
  let t: string | undefined;
  const signatures: Buffer[] = [];
  for (const part of header.split(',')) {
    const [, name, value] = /^\s*(t|v1)=([0-9a-f]+)\s*$/.exec(part) ?? [];
    if (name === 't' && /^\d{1,12}$/.test(value!)) t = value;
    if (name === 'v1' && value!.length === 64) signatures.push(Buffer.from(value!, 'hex'));
  }
  return t === undefined ? undefined : { t, signatures };
}

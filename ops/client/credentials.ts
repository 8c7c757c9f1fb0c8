/**
 * A client's credentials: the bearer key and, for a merchant with a secret, the checksum over the
 * request.
 */
import { createHmac } from 'node:crypto';

export interface Credentials {
  readonly key?: string;
  readonly checksumSecret?: string;
}

export interface Request {
  readonly method: 'GET' | 'POST';
  /** As it goes over the wire, without a query. */
  readonly path: string;
  /** The checkout id. */
  readonly id: string;
  /** As it goes over the wire; '' for none. */
  readonly body: string;
}

export function proofHeaders(
  { key, checksumSecret }: Credentials,
  request: Request,
  nowMs = Date.now(),
): Record<string, string> {
  return {
    ...(key ? { Authorization: `Bearer ${key}` } : {}),
    ...(checksumSecret ? checksumHeaders(checksumSecret, request, nowMs) : {}),
  };
}

function checksumHeaders(
  secret: string,
  { method, path, id, body }: Request,
  nowMs: number,
): Record<string, string> {
  const timestamp = `${Math.floor(nowMs / 1_000)}`;
  const signed = [timestamp, method, path, id, body].join('\n');
  const checksum = createHmac('sha256', secret).update(signed).digest('hex');
  return { 'X-PAYMENT-TIMESTAMP': timestamp, 'X-PAYMENT-CHECKSUM': `sha256=${checksum}` };
}

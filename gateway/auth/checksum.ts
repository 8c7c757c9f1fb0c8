/**
 * The request checksum of merchants that have a secret: `sha256=` and the lower-case hex
 * HMAC-SHA256 over `timestamp\nMETHOD\npath\nid\nraw body`. It binds the bytes of the body to
 * this path, this id and these minutes: a request that was changed or kept is refused.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { PROBLEMS, type Problem } from '../http/problem.js';

const WINDOW_SECONDS = 300;
const HEX = /^sha256=([0-9a-f]{64})$/;
const SECONDS = /^\d{1,12}$/;

/** What is signed, but for the body; and the two headers, '' when absent. */
export interface SignedHead {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly path: string;
  readonly id: string;
  readonly timestamp: string;
  readonly checksum: string;
}

/** What is known before the body is: missing, out of time. */
export function checkSignedHead(
  head: SignedHead,
  secrets: readonly string[],
  nowMs = Date.now(),
): Problem | undefined {
  if (secrets.length === 0) return undefined;
  if (head.checksum === '' || head.timestamp === '') return PROBLEMS.checksumRequired;
  if (!SECONDS.test(head.timestamp)) return PROBLEMS.timestampNotSeconds;
  if (!HEX.test(head.checksum)) return PROBLEMS.checksumInvalid;
  const ageSeconds = Math.abs(Math.floor(nowMs / 1_000) - Number(head.timestamp));
  return ageSeconds > WINDOW_SECONDS ? PROBLEMS.timestampOutOfRange : undefined;
}

/** Takes a head that passed. Every secret is tried, whether or not one has fitted already. */
export function checkSignedBody(
  head: SignedHead,
  body: Uint8Array,
  secrets: readonly string[],
): Problem | undefined {
  if (secrets.length === 0) return undefined;
  const given = Buffer.from(HEX.exec(head.checksum)?.[1] ?? '', 'hex');
  const signed = `${head.timestamp}\n${head.method}\n${head.path}\n${head.id}\n`;
  let fits = false;
  for (const secret of secrets) {
    const expected = createHmac('sha256', secret).update(signed).update(body).digest();
    if (given.length === expected.length && timingSafeEqual(given, expected)) fits = true;
  }
  return fits ? undefined : PROBLEMS.checksumInvalid;
}

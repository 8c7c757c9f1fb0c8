/** ULIDs whose random bytes are drawn from the system a block at a time, not one by one. */
import { randomFillSync } from 'node:crypto';
import { ulid } from 'ulid';

const pool = new Uint8Array(4_096);
let next = pool.length;

/** 48 bits of milliseconds and 80 of randomness, as 26 characters of Crockford's base 32. */
export function newUlid(): string {
  return ulid(undefined, randomFraction);
}

/** One byte is enough: the caller draws one of 32 characters with it. */
function randomFraction(): number {
  if (next === pool.length) {
    randomFillSync(pool);
    next = 0;
  }
  return pool[next++]! / 256;
}

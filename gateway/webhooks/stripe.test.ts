import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { stripeScheme } from './stripe.js';

const SECRET = 'whsec_stripe_of_the_test';
const NOW = 1_700_000_000_000;
const SECONDS = NOW / 1_000;
const body = Buffer.from('{"id":"evt_1"}');

const signatureOf = (time: number): string =>
  createHmac('sha256', SECRET).update(`${time}.`).update(body).digest('hex');
const verify = (header: string): string => stripeScheme.verify(body, header, [SECRET], NOW);

describe("Stripe's signature", () => {
  it('should hold for five minutes either way', () => {
    const at = (seconds: number) =>
      verify(`t=${SECONDS + seconds},v1=${signatureOf(SECONDS + seconds)}`);
    assert.deepEqual([-301, -300, 0, 300, 301].map(at), [
      'stale',
      'genuine',
      'genuine',
      'genuine',
      'stale',
    ]);
  });

  it('should be forged when its time is not in decimal digits', () => {
    // Stripe's package reads the digits before the x: what was signed is another time.
    const hex = `0x${SECONDS.toString(16)}`;
    for (const time of [hex, `${SECONDS}.0`, ` ${SECONDS}`, `${SECONDS}e0`, '', '-1'])
      for (const signed of [0, SECONDS, -1])
        assert.equal(verify(`t=${time},v1=${signatureOf(signed)}`), 'forged', `${time} ${signed}`);
  });
});

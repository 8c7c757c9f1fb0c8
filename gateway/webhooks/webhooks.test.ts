import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AddressList, callerAddress } from '../auth/addresses.js';
import { simulatorScheme } from './simulator.js';

const NOW = 1_700_000_000_000;
const signed = (body: Buffer, secret: string, t = NOW / 1_000): string =>
  `t=${t},v1=${createHmac('sha256', secret).update(`${t}.`).update(body).digest('hex')}`;
const secrets = ['the-new-secret-here', 'the-old-secret-here'];

describe("the simulator's signature", () => {
  it('should cover every bit of the body, whichever secret signed it', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(
        bytes,
        fc.nat(),
        fc.nat(7),
        fc.constantFrom(...secrets),
        (raw, at, bit, secret) => {
          const body = Buffer.from(raw);
          const signature = signed(body, secret);
          assert.equal(simulatorScheme.verify(body, signature, secrets, NOW), 'genuine');
          body[at % body.length]! ^= 1 << bit;
          assert.equal(simulatorScheme.verify(body, signature, secrets, NOW), 'forged');
        },
      ),
    );
  });

  it('should hold for five minutes, and only with the time that was signed', () => {
    const body = Buffer.from('{}');
    const signature = signed(body, secrets[0]!);
    const at = (ms: number) => simulatorScheme.verify(body, signature, secrets, NOW + ms);
    assert.deepEqual([-300_001, -300_000, 300_000, 300_001].map(at), [
      'stale',
      'genuine',
      'genuine',
      'stale',
    ]);
    const moved = signature.replace(/^t=\d+/, `t=${NOW / 1_000 + 1}`);
    assert.equal(simulatorScheme.verify(body, moved, secrets, NOW), 'forged');
    assert.equal(simulatorScheme.verify(body, `${moved},${signature}`, secrets, NOW), 'genuine');
  });

  it('should be forged whatever else the header holds', () => {
    const body = Buffer.from('{}');
    fc.assert(
      fc.property(fc.string(), (header) => {
        assert.equal(simulatorScheme.verify(body, header, secrets, NOW), 'forged');
        assert.equal(simulatorScheme.verify(body, `t=1,v1=${header}`, secrets, NOW), 'forged');
      }),
    );
  });
});

describe('the addresses of callers', () => {
  const list = new AddressList(['10.1.0.0/16', '2001:db8::/32', '192.0.2.7/32']);
  for (const [address, expected] of [
    ['10.1.255.255', true],
    ['10.2.0.0', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['::ffff:10.1.2.3', true],
    ['2001:db8:ffff::1', true],
    ['2001:DB8::1', true],
    ['2001:db9::1', false],
    ['', false],
    ['10.1.0.1, 10.1.0.2', false],
    ['10.1.0.1:80', false],
  ] as const) {
    it(`should ${expected ? 'have' : 'not have'} ${address || 'an empty one'}`, () => {
      assert.equal(list.has(address), expected);
    });
  }

  it('should be what a trusted proxy says, and nobody else', () => {
    const proxies = new AddressList(['127.0.0.0/8']);
    assert.equal(callerAddress('127.0.0.1', '192.0.2.1', proxies), '192.0.2.1');
    assert.equal(callerAddress('', '192.0.2.1', proxies), '192.0.2.1');
    assert.equal(callerAddress('127.0.0.1', '', proxies), '127.0.0.1');
    assert.equal(callerAddress('203.0.113.1', '192.0.2.1', proxies), '203.0.113.1');
  });
});

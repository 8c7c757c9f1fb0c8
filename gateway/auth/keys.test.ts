import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Head } from '../http/head.js';
import { Caller } from './caller.js';
import { checkSignedBody, checkSignedHead, type SignedHead } from './checksum.js';
import { Merchants } from './merchants.js';

const sha256 = (key: string): string => hash('sha256', key, 'hex');

describe('API keys', () => {
  const table = [
    { merchant: 'acme', keys: [sha256('old-key'), sha256('new-key')] },
    { merchant: 'signed', keys: [sha256('s-key')], checksum_secrets: ['a-secret-of-16-chars'] },
  ];
  const nameOf = (merchants: Merchants, header: string): string => {
    const problem = merchants.identify(header);
    return 'code' in problem ? problem.code : problem.name;
  };

  it('should name the merchant of every valid key, whatever the case of the scheme', () => {
    const merchants = new Merchants(table);
    assert.equal(nameOf(merchants, 'Bearer old-key'), 'acme');
    assert.equal(nameOf(merchants, 'bearer new-key'), 'acme');
    assert.equal(nameOf(merchants, 'Bearer s-key'), 'signed');
  });

  it('should refuse a missing, an unknown and a malformed key', () => {
    const merchants = new Merchants(table);
    assert.equal(nameOf(merchants, ''), 'key_missing');
    const bad = ['old-key', 'Basic old-key', 'Bearer ', 'Bearer old-key ', 'Bearer old-key x'];
    for (const header of [...bad, `Bearer ${'k'.repeat(257)}`, `Bearer ${sha256('old-key')}`])
      assert.equal(nameOf(merchants, header), 'key_invalid', header);
    assert.equal(nameOf(new Merchants([]), 'Bearer old-key'), 'key_invalid');
  });

  it('should judge by the new table at once, and know everybody without one', () => {
    const merchants = new Merchants(table);
    assert.equal(nameOf(merchants, 'Bearer old-key'), 'acme');
    merchants.replace([{ merchant: 'acme', keys: [sha256('new-key')] }]);
    assert.equal(nameOf(merchants, 'Bearer old-key'), 'key_invalid');
    assert.equal(nameOf(merchants, 'Bearer new-key'), 'acme');
    assert.equal(nameOf(new Merchants(undefined), ''), 'default');
  });
});

describe('the request checksum', () => {
  const NOW_MS = 1_700_000_000_000;
  const SECRET = 'correct horse battery';
  // Made with: printf '1700000000\nPOST\n/payments\norder-1\n{"amount":1}' | openssl dgst -sha256 -hmac 'correct horse battery'
  const head: SignedHead = {
    ...{ method: 'POST', path: '/payments', id: 'order-1', timestamp: '1700000000' },
    checksum: 'sha256=c01424fe8d03b7b56ce94f7f181ece7d1071f7484b4c7ff966b645ed52f6527b',
  };
  const body = Buffer.from('{"amount":1}');

  it('should take what openssl makes of the same bytes, with any of the secrets', () => {
    assert.equal(checkSignedHead(head, [SECRET], NOW_MS), undefined);
    assert.equal(checkSignedBody(head, body, [SECRET]), undefined);
    assert.equal(checkSignedBody(head, body, ['another', SECRET]), undefined);
    assert.equal(checkSignedBody(head, body, ['another'])?.code, 'checksum_invalid');
  });

  it('should refuse when any part is another', () => {
    const others: SignedHead[] = [
      { ...head, method: 'GET' },
      { ...head, path: '/payments/order-1' },
      { ...head, id: 'order-2' },
      { ...head, timestamp: '1700000001' },
    ];
    for (const signedHead of others)
      assert.equal(checkSignedBody(signedHead, body, [SECRET])?.code, 'checksum_invalid');
    const other = Buffer.from('{"amount":2}');
    assert.equal(checkSignedBody(head, other, [SECRET])?.code, 'checksum_invalid');
  });

  it('should ask for both headers, in their form, and within 300 seconds', () => {
    const codeOf = (signedHead: Partial<SignedHead>, nowMs = NOW_MS): string | undefined =>
      checkSignedHead({ ...head, ...signedHead }, [SECRET], nowMs)?.code;
    assert.equal(codeOf({ checksum: '' }), 'checksum_required');
    assert.equal(codeOf({ timestamp: '' }), 'checksum_required');
    assert.equal(codeOf({ checksum: head.checksum.toUpperCase() }), 'checksum_invalid');
    assert.equal(codeOf({ checksum: head.checksum.slice(7) }), 'checksum_invalid');
    assert.equal(codeOf({ timestamp: '1.7e9' }), 'checksum_invalid');
    for (const seconds of [300, -300])
      assert.equal(codeOf({}, NOW_MS + seconds * 1_000), undefined);
    for (const seconds of [301, -301])
      assert.equal(codeOf({}, NOW_MS + seconds * 1_000), 'timestamp_out_of_range');
  });

  it('should check what comes while checksums are optional, and take requests without one', () => {
    const entry = { merchant: 'new', keys: [sha256('n-key')], checksum_secrets: [SECRET] };
    const codeOf = (isOptional: boolean, sent: Partial<Head>): string => {
      const optional = isOptional ? { checksums_optional: true as const } : {};
      const merchants = new Merchants([{ ...entry, ...optional }]);
      const unsigned = { authorization: 'Bearer n-key', timestamp: '', checksum: '' };
      const asked = { ...unsigned, ...sent } as Head;
      const caller = Caller.of(merchants, asked, 'POST', '/payments', 'order-1');
      return 'code' in caller ? caller.code : (caller.checkBody(body)?.code ?? 'taken');
    };
    const now = `${Math.floor(Date.now() / 1_000)}`;
    const wrong = { timestamp: now, checksum: `sha256=${'0'.repeat(64)}` };
    assert.equal(codeOf(true, {}), 'taken');
    assert.equal(codeOf(false, {}), 'checksum_required');
    assert.equal(codeOf(true, wrong), 'checksum_invalid');
    assert.equal(codeOf(true, { timestamp: now }), 'checksum_required');
  });

  it('should ask nothing of a merchant without a secret', () => {
    assert.equal(checkSignedHead({ ...head, checksum: '' }, [], NOW_MS), undefined);
    assert.equal(checkSignedBody({ ...head, checksum: '' }, body, []), undefined);
  });
});

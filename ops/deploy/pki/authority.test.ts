import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { caFile, ensurePki, initPki, issue, roleFile, rotate } from './authority.js';
import { ROLES } from './roles.js';

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

describe('the development CA', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-pki-'));
  const certificateOf = (file: string): X509Certificate => new X509Certificate(readFileSync(file));
  before(() => initPki(dir));
  after(() => rmSync(dir, { recursive: true }));

  it('should give every role a certificate of this CA, for its direction', () => {
    const ca = certificateOf(caFile(dir));
    for (const role of ROLES) {
      const certificate = certificateOf(roleFile(dir, role));
      assert.ok(certificate.verify(ca.publicKey), role);
      assert.equal(certificate.subject, `CN=${role}`);
      assert.equal(certificate.ca, false);
      const isServer = ['edge', 'engine-host', 'kafka', 'postgres'].includes(role);
      const isClient = !isServer || role === 'kafka';
      const uses = [...(isServer ? [SERVER_AUTH] : []), ...(isClient ? [CLIENT_AUTH] : [])];
      assert.deepEqual(certificate.keyUsage, uses, role);
      assert.equal(certificate.checkHost(`${role}.tollgate.internal`) !== undefined, true);
      assert.equal(certificate.checkIP('127.0.0.1') !== undefined, isServer);
    }
  });

  it('should let only its owner read the files, and leave nothing else', () => {
    for (const name of readdirSync(dir)) {
      assert.match(name, /^(ca\.key|.*\.pem)$/);
      assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600, name);
    }
  });

  it('should renew the chosen roles and keep the trust', () => {
    const trust = readFileSync(caFile(dir), 'utf8');
    const serials = (): string[] =>
      ROLES.map((role) => certificateOf(roleFile(dir, role)).serialNumber);
    const before = serials();
    rotate(dir, ['engine']);
    const changed = ROLES.filter((_, i) => serials()[i] !== before[i]);
    assert.deepEqual(changed, ['engine']);
    assert.equal(readFileSync(caFile(dir), 'utf8'), trust);
    assert.throws(() => initPki(dir), { code: 'pki_exists' });
  });

  it('should make anew at a start only what runs out', () => {
    assert.deepEqual(ensurePki(dir), []);
    issue(dir, 'kafka', -1);
    issue(dir, 'edge', 5);
    assert.deepEqual(ensurePki(dir), ['edge', 'kafka']);
    assert.ok(Date.parse(certificateOf(roleFile(dir, 'kafka')).validTo) > Date.now());
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { certificateFigures } from './certificates.js';

describe('the days that certificates have left', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-days-'));
  after(() => rmSync(dir, { recursive: true }));
  const made = (name: string, days: number): string => {
    const file = join(dir, name);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'];
    const out = ['-keyout', `${file}.key`, '-out', file, '-days', `${days}`, '-subj', '/CN=x'];
    execFileSync('openssl', ['req', '-x509', ...key, ...out], { stdio: 'ignore' });
    return file;
  };
  const left = (...files: string[]): number =>
    Math.round(certificateFigures({ own: files })['certificate_days_left']!);

  it('should be those of the one that ends first, in a bundle too', () => {
    const [near, far] = [made('near', 5), made('far', 300)];
    assert.equal(left(far), 300);
    assert.equal(left(far, near), 5);
    const bundle = join(dir, 'bundle');
    writeFileSync(bundle, [far, near].map((text) => readFileSync(text, 'utf8')).join('\n'));
    assert.equal(left(bundle), 5);
    // Of authorities one may run out beside its successor.
    const trusted = certificateFigures({ authorities: [bundle] });
    assert.equal(Math.round(trusted['certificate_days_left']!), 300);
    assert.ok(
      certificateFigures({ own: [near] }, '', Date.now() + 6 * 86_400_000)[
        'certificate_days_left'
      ]! < 0,
    );
  });

  it('should be none for a file that is not there or no certificate', () => {
    writeFileSync(join(dir, 'other'), 'hello');
    assert.equal(left(join(dir, 'absent')), 0);
    assert.equal(left(join(dir, 'other')), 0);
  });

  it('should not be told where nothing uses certificates', () => {
    assert.deepEqual(certificateFigures({ own: [''], authorities: [''] }), {});
  });

  it('should count the files that a database URL names', () => {
    const [ca, own] = [made('database-ca', 90), made('database-own', 8)];
    const url = `postgres://a@b/c?sslmode=verify-full&sslrootcert=${ca}&sslcert=${own}`;
    assert.equal(Math.round(certificateFigures({}, url)['certificate_days_left']!), 8);
    assert.deepEqual(certificateFigures({}, 'postgres://a@b/c'), {});
  });
});

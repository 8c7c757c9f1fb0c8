import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { packageFile, packageRoot } from '../engine/core/paths.js';

interface LockEntry {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly inBundle?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

describe('the packages we did not write', () => {
  const lock = JSON.parse(readFileSync(packageFile('package-lock.json'), 'utf8')) as {
    packages: Record<string, LockEntry>;
  };
  const entries = Object.entries(lock.packages).filter(([path]) => path !== '');

  it('should each be pinned by a digest, and come from no address that only we know', () => {
    for (const [path, it] of entries) {
      if (it.inBundle) continue;
      assert.match(it.integrity ?? '', /^sha512-/, path);
      assert.match(
        it.resolved ?? 'https://registry.npmjs.org/',
        /^https:\/\/registry\.npmjs\.org\//,
        path,
      );
    }
  });

  it('should be listed by an SBOM, each of them', () => {
    const options = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
    const bom = JSON.parse(
      execFileSync('npm', options, { cwd: packageRoot, encoding: 'utf8', maxBuffer: 1 << 26 }),
    ) as { components: { name: string; version: string }[] };
    const listed = new Set(bom.components.map((it) => it.version));
    const missing = entries.filter(([, it]) => !it.optional && !listed.has(it.version));
    assert.deepEqual(
      missing.map(([path]) => path),
      [],
    );
    assert.ok(bom.components.length >= 100, `${bom.components.length}`);
  });
});

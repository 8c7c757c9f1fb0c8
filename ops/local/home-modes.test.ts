import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { closeHome } from './home-modes.js';

describe('the home folder', () => {
  it('should be closed to others, but for the way to the data of Postgres', () => {
    const home = mkdtempSync(join(tmpdir(), 'tollgate-home-'));
    try {
      for (const text of ['logs', 'data/postgres', 'data/kafka', 'cluster/pki'])
        mkdirSync(join(home, text), { recursive: true, mode: 0o755 });
      for (const text of ['endpoints.json', 'logs/engine.log', 'cluster/topology.json'])
        writeFileSync(join(home, text), '', { mode: 0o644 });
      closeHome(home);
      const mode = (path: string): string =>
        (statSync(join(home, path)).mode & 0o777).toString(8).padStart(4, '0');
      assert.equal(mode('.'), '0711');
      for (const text of ['logs', 'data', 'cluster', 'data/postgres', 'data/kafka', 'cluster/pki'])
        assert.equal(mode(text), '0700', text);
      for (const text of ['endpoints.json', 'cluster/topology.json'])
        assert.equal(mode(text), '0600');
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});

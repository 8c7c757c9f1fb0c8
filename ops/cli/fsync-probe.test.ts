import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { measureFdatasync } from './fsync-probe.js';

describe('the fsync probe', () => {
  it('should measure and leave nothing behind', () => {
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-probe-'));
    const { p50Ms, p99Ms } = measureFdatasync(dir);
    assert.ok(p50Ms > 0 && p99Ms >= p50Ms, `${p50Ms} ${p99Ms}`);
    assert.deepEqual(readdirSync(dir), []);
    rmSync(dir, { recursive: true });
  });
});

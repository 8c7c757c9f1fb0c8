import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { packageFile } from '../../engine/util/paths.js';
import { requestsOf } from './http-case.js';
import { httpCases, libraryRows } from './http-table.js';

const page = readFileSync(packageFile('docs/reference/http.md'), 'utf8');

describe('docs/reference/http.md', () => {
  it('should have a row for each case that the library answers otherwise, and no other', () => {
    const [, table = ''] = page.split('| --- | --- | --- | --- |\n');
    assert.deepEqual(table.split('\n\n')[0]!.split('\n'), libraryRows());
  });

  it('should name the binary that is installed', () => {
    const folder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
    const binary = readFileSync(join(folder, `uws_linux_x64_${process.versions.modules}.node`));
    assert.ok(page.includes(createHash('sha256').update(binary).digest('hex')));
    assert.ok(page.includes(readFileSync(join(folder, 'source_commit'), 'utf8').trim()));
  });
});

describe('the table of HTTP cases', () => {
  it('should have at least 40 cases, each with a name of its own', () => {
    const target = { port: 0, isEdge: false, own: [], pendingId: 'pending' };
    const names = httpCases(requestsOf(target)).map(({ name }) => name);
    assert.ok(names.length >= 40);
    assert.equal(new Set(names).size, names.length);
  });
});

/** The rules of the house that a compiler does not keep. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageRoot } from '../engine/core/paths.js';

const FILE_LINES_MAX = 300;
/** A folder may import from those at or below its own height. */
const HEIGHTS: readonly (readonly [RegExp, number])[] = [
  [/^engine\/core\//, 0],
  [/^engine\/(ring|codec)\//, 1],
  [/^engine\/(store|kafka)\//, 2],
  [/^engine\/(journal|cdc|status)\//, 3],
  [/^engine\//, 4],
  [/^(workers|gateway)\//, 5],
  [/^(bench|ops)\//, 6],
];

const folders = ['engine', 'gateway', 'workers', 'bench', 'ops'];
const present = folders.filter((it) => existsSync(join(packageRoot, it)));
const files = present.flatMap((folder) => {
  const entries = readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' });
  return entries.filter((it) => it.endsWith('.ts')).map((it) => `${folder}/${it}`);
});
const sources = files.map((path) => ({
  path,
  text: readFileSync(join(packageRoot, path), 'utf8'),
}));
const products = sources.filter((it) => !it.path.endsWith('.test.ts'));

function heightOf(path: string): number {
  return HEIGHTS.find(([pattern]) => pattern.test(path))![1];
}

function importsOf(path: string, text: string): string[] {
  const relative = [...text.matchAll(/from '(\.[^']+)'/g)].map((it) => it[1]!);
  return relative.map((it) => join(path, '..', it));
}

describe('the house rules', () => {
  it('should let imports point one way', () => {
    for (const { path, text } of products) {
      for (const target of importsOf(path, text)) {
        assert.ok(heightOf(target) <= heightOf(path), `${path} imports upwards: ${target}`);
        const isSideways = /^gateway\//.test(path) ? /^workers\// : /^gateway\//;
        if (heightOf(path) === 5)
          assert.doesNotMatch(target, isSideways, `${path} imports ${target}`);
      }
    }
  });

  it('should keep payments out of ring/ and Atomics in it', () => {
    for (const { path, text } of products) {
      if (path.startsWith('engine/ring/')) assert.doesNotMatch(text, /core\/payment/, path);
      else assert.doesNotMatch(text, /\bAtomics\./, path);
    }
  });

  it('should read the environment in core/config.ts only', () => {
    for (const { path, text } of products) {
      if (path !== 'engine/core/config.ts') assert.doesNotMatch(text, /process\.env/, path);
    }
  });

  it('should keep files small, and open each with its role', () => {
    for (const { path, text } of products) {
      assert.ok(text.split('\n').length <= FILE_LINES_MAX, `${path} is too long`);
      assert.match(text, /^\/\*\*/, `${path} does not open with its role`);
    }
  });
});

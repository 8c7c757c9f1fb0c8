/** The rules of the house that a compiler does not keep. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageRoot } from '../../engine/util/paths.js';

const FILE_LINES_MAX = 300;
/** A folder may import from those at or below its own height. */
const HEIGHTS: readonly (readonly [RegExp, number])[] = [
  [/^engine\/(util|domain)\//, 0],
  [/^engine\/(config|card-data|admin)\//, 1],
  [/^engine\/(ring|codec)\//, 2],
  [/^engine\/(store|kafka|host|keys)\//, 3],
  [/^engine\/(journal|wal)\//, 4],
  [/^engine\/(volume|shards|status)\//, 5],
  [/^engine\/cdc\//, 6],
  [/^engine\//, 7],
  [/^(workers|gateway)\//, 8],
  [/^(bench|ops)\//, 9],
];

const FUNCTION_LINES_MAX = 70;
const PILLARS = [
  'uWebSockets.js',
  'rocksdb',
  'node-rdkafka',
  'pg',
  'piscina',
  'avsc',
  'tinybench',
  'node:test',
];
const LICENCES =
  /\b(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0|Zlib|Unlicense|CC0-1\.0)\b/i;

const folders = ['engine', 'gateway', 'workers', 'bench', 'ops'];
const present = folders.filter((folder) => existsSync(join(packageRoot, folder)));
const files = present.flatMap((folder) => {
  const entries = readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' });
  const ours = entries.filter((entry) => entry.endsWith('.ts') && !entry.includes('node_modules/'));
  return ours.map((text) => `${folder}/${text}`);
});
const sources = files.map((path) => ({
  path,
  text: readFileSync(join(packageRoot, path), 'utf8'),
}));
const products = sources.filter((source) => !source.path.endsWith('.test.ts'));

function heightOf(path: string): number {
  return HEIGHTS.find(([pattern]) => pattern.test(path))![1];
}

function importsOf(path: string, text: string): string[] {
  const relative = [...text.matchAll(/from '(\.[^']+)'/g)].map((match) => match[1]!);
  return relative.map((name) => join(path, '..', name));
}

/** Top-level functions and methods: from their opening line to the brace at its indentation. */
function functionsOf(text: string): { name: string; lines: number }[] {
  const found: { name: string; lines: number }[] = [];
  const lines = text.split('\n');
  const opening =
    /^( {0,2})(?:export )?(?:default )?(?:async |static |get |private )*(?:function\*? )?(#?\w+)\(.*[^;]$/;
  for (const [i, line] of lines.entries()) {
    const match = opening.exec(line);
    if (!match || /^ *(if|for|while|switch|return|describe|it|test)\b/.test(line)) continue;
    const ends = [`${match[1]}}`, `${match[1]}},`];
    const end = lines.findIndex((name, at) => at > i && ends.includes(name));
    if (end > i) found.push({ name: match[2]!, lines: end - i + 1 });
  }
  return found;
}

/** Packages whose lock entry says nothing have it in their own package.json or LICENSE. */
function licenceInFolder(path: string): string {
  const folder = join(packageRoot, path);
  if (!existsSync(folder)) return 'MIT'; // another platform's binary, not installed here
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    license?: string;
    licenses?: { type: string }[];
  };
  const stated = manifest.license ?? manifest.licenses?.[0]?.type;
  if (stated) return stated;
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  return file ? readFileSync(join(folder, file), 'utf8').slice(0, 2_000) : 'none';
}

describe('the house rules', () => {
  it('should let imports point one way', () => {
    for (const { path, text } of products) {
      for (const target of importsOf(path, text)) {
        assert.ok(heightOf(target) <= heightOf(path), `${path} imports upwards: ${target}`);
        const isSideways = /^gateway\//.test(path) ? /^workers\// : /^gateway\//;
        if (heightOf(path) === 8)
          assert.doesNotMatch(target, isSideways, `${path} imports ${target}`);
      }
    }
  });

  it('should keep payments out of ring/ and Atomics in it', () => {
    for (const { path, text } of products) {
      if (path.startsWith('engine/ring/')) assert.doesNotMatch(text, /domain\/payment/, path);
      else assert.doesNotMatch(text, /\bAtomics\./, path);
    }
  });

  it('should read the environment in config/config.ts only', () => {
    for (const { path, text } of products) {
      if (path !== 'engine/config/config.ts') assert.doesNotMatch(text, /process\.env/, path);
    }
  });

  it('should name what a parameter is, not `it`', () => {
    for (const { path, text } of sources) {
      assert.doesNotMatch(text, /\(it[,:)]|\bit =>|, it[,):]|\.\.\.it\b/, path);
    }
  });

  it('should fit every function on a screen', () => {
    const long = products.flatMap(({ path, text }) =>
      functionsOf(text)
        .filter((entry) => entry.lines > FUNCTION_LINES_MAX)
        .map((entry) => `${path}: ${entry.name} has ${entry.lines} lines`),
    );
    assert.deepEqual(long, []);
  });

  it('should have product code use each of the packages the design is made of', () => {
    const all = sources.map((source) => source.text).join('\n');
    for (const name of PILLARS)
      assert.match(all, new RegExp(`from '${name.replace('.', '\\.')}'`), name);
  });

  it('should have dependencies under licences that allow what ours allows', () => {
    const lock = JSON.parse(readFileSync(join(packageRoot, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { license?: string; dev?: boolean; optional?: boolean }>;
    };
    for (const [path, { license, dev }] of Object.entries(lock.packages)) {
      if (path === '' || dev) continue;
      const named = license ?? licenceInFolder(path);
      assert.match(named, LICENCES, `${path}: ${named}`);
    }
  });

  it('should keep files small, and open each with its role', () => {
    for (const { path, text } of products) {
      assert.ok(text.split('\n').length <= FILE_LINES_MAX, `${path} is too long`);
      assert.match(text, /^\/\*\*/, `${path} does not open with its role`);
    }
  });
});

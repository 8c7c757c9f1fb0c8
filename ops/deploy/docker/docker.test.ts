import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { packageFile } from '../../../engine/util/paths.js';

/** An exact version; a base also takes a digest from outside. Ours is built here. */
const PINNED =
  /^(tollgate:\d+\.\d+\.\d+|[a-z0-9/._-]+:\d+\.\d+(\.\d+)?[a-z-]*\$\{\w+_DIGEST(:-)?\})( AS \w+)?$/;
const SECRET_NAMES = /(SECRET|TOKEN|PASSWORD|DATABASE_URL|_KEY)$/;

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly network_mode?: string;
  readonly cap_drop?: string[];
  readonly cap_add?: string[];
  readonly security_opt?: string[];
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly environment?: Record<string, string>;
  readonly volumes?: string[];
  readonly ports?: unknown;
}

describe('the image', () => {
  const text = readFileSync(packageFile('ops/deploy/docker/Dockerfile'), 'utf8');
  const instructions = text
    .replace(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, rest] =
        /^(\w+)\s+(.*)$/.exec(line.trim()) ?? assert.fail(`not understood: ${line}`);
      return { name: name!, rest: rest! };
    });
  const named = (name: string): string[] =>
    instructions
      .filter((instruction) => instruction.name === name)
      .map((instruction) => instruction.rest);
  const last = instructions.slice(
    instructions.findLastIndex((instruction) => instruction.name === 'FROM'),
  );

  it('should be made in two stages from pinned bases, the compilers left behind', () => {
    const bases = named('FROM');
    assert.equal(bases.length, 2);
    for (const base of bases) assert.match(base, PINNED);
    const node = readFileSync(packageFile('.nvmrc'), 'utf8').trim();
    for (const base of bases)
      assert.ok(base.startsWith(`node:${node}-`), `${base} is not Node ${node}`);
    assert.doesNotMatch(JSON.stringify(last), /g\+\+|make|npm/);
    assert.ok(
      last
        .filter((entry) => entry.name === 'COPY')
        .every((entry) => entry.rest.startsWith('--from=build ')),
    );
  });

  it('should run as a numeric user that is not root, by an entry point without a shell', () => {
    assert.match(last.find((entry) => entry.name === 'USER')!.rest, /^[1-9]\d*:[1-9]\d*$/);
    assert.match(last.find((entry) => entry.name === 'ENTRYPOINT')!.rest, /^\["\//);
    const order = last.map((entry) => entry.name);
    assert.ok(order.indexOf('USER') > order.lastIndexOf('RUN'), 'something runs after USER');
  });

  it('should install exactly what the lock file says and leave no package lists', () => {
    const runs = named('RUN');
    const installs = runs.filter((run) => /\bnpm (ci|install|rebuild)\b/.test(run));
    assert.equal(installs.length, 1);
    assert.match(installs[0]!, /npm ci --ignore-scripts .*&& ops\/setup\/native-modules\.sh/);
    assert.ok(!runs.some((run) => run.includes('npx')));
    for (const run of runs.filter((name) => name.includes('apt-get'))) {
      assert.match(run, /--no-install-recommends/);
      assert.match(run, /rm -rf \/var\/lib\/apt\/lists/);
    }
    assert.deepEqual(named('ADD'), []);
    for (const entry of [...named('ENV'), ...named('ARG')])
      for (const [name] of entry.matchAll(/\w+(?==)/g)) assert.doesNotMatch(name, SECRET_NAMES);
  });

  it('should copy what there is, also past the ignore file', () => {
    const ignore = readFileSync(
      packageFile('ops/deploy/docker/Dockerfile.dockerignore'),
      'utf8',
    ).split('\n');
    assert.equal(ignore[0], '*');
    const sources = instructions
      .filter(
        (instruction) => instruction.name === 'COPY' && !instruction.rest.startsWith('--from'),
      )
      .flatMap((instruction) => instruction.rest.split(' ').slice(0, -1));
    assert.ok(sources.length >= 8);
    for (const source of sources) {
      assert.ok(existsSync(packageFile(source)), `${source} is not there`);
      assert.ok(ignore.includes(`!${source.split('/')[0]}`), `${source} is ignored`);
    }
  });
});

describe('the compose file', () => {
  const text = readFileSync(packageFile('ops/deploy/docker/compose.yaml'), 'utf8');
  const { services, volumes } = parse(text, { merge: true }) as {
    services: Record<string, Service>;
    volumes: Record<string, object>;
  };

  it('should have every process of the system', () => {
    const names = ['engine', 'kafka', 'migrate', 'postgres', 'processor', 'simulator'];
    assert.deepEqual(Object.keys(services).sort(), names);
    const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8'));
    for (const name of ['engine', 'migrate', 'processor', 'simulator'])
      assert.equal(services[name]!.image, `tollgate:${version}`);
  });

  it('should give each as little as it needs', () => {
    for (const [name, service] of Object.entries(services)) {
      assert.match(service.image, PINNED, name);
      assert.match(service.user ?? '', /^[1-9]\d*:[1-9]\d*$/, name);
      assert.equal(service.read_only, name !== 'kafka', name);
      assert.deepEqual(service.cap_drop, ['ALL'], name);
      assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
      assert.deepEqual(
        [service.privileged, service.cap_add, service.ports],
        [undefined, undefined, undefined],
        name,
      );
      assert.ok(service.mem_limit && service.pids_limit, `${name} has no limit`);
    }
  });

  it('should hold no secret, mount named volumes only, and listen on loopback', () => {
    for (const [name, service] of Object.entries(services)) {
      for (const key of Object.keys(service.environment ?? {}))
        assert.doesNotMatch(key, SECRET_NAMES, name);
      for (const volume of service.volumes ?? [])
        assert.ok(Object.hasOwn(volumes, volume.split(':')[0]!), `${name} mounts ${volume}`);
    }
    assert.doesNotMatch(text, /0\.0\.0\.0|docker\.sock/);
  });
});

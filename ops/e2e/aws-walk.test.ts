import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageFile } from '../../engine/util/paths.js';
import { synthesise } from '../deploy/aws/synth.js';
import { resourcesOf, textOf } from '../deploy/aws/template.js';
import { initPki } from '../deploy/pki/authority.js';

const canWalk = spawnSync('unshare', ['--mount', '--net', 'ip', 'link']).status === 0;

/** A key of no merchant that anybody has: its SHA-256 is all zeros. */
const KEYS = JSON.stringify({ merchants: [{ merchant: 'alpha', keys: ['0'.repeat(64)] }] });

describe('the script of an AWS host, walked with stand-ins', { skip: !canWalk }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-walk-'));
  const pki = join(dir, 'pki');
  const { template, remove } = synthesise();
  let sha256 = '';
  before(() => {
    initPki(pki);
    const made = execFileSync(process.execPath, [packageFile('dist/ops/setup/release.js')]);
    sha256 = `${made}`.split(' ')[0]!;
    copyFileSync(packageFile('dist/release.tar.gz'), join(dir, 'release.tar.gz'));
  });
  after(() => {
    remove();
    rmSync(dir, { recursive: true });
  });

  function walk(role: string, files: Record<string, string>, number?: string): string {
    const work = join(dir, role);
    mkdirSync(work);
    for (const text of ['release.tar.gz', 'pki']) spawnSync('cp', ['-r', join(dir, text), work]);
    const line = `install.sh ${role}${number === undefined ? '' : ` ${number}`}\n`;
    const script = resourcesOf(template, 'AWS::EC2::LaunchTemplate')
      .map(([, resource]) =>
        textOf((resource.Properties['LaunchTemplateData'] as { UserData: unknown }).UserData),
      )
      .find((text) => text.includes(line))!
      .replaceAll('<ReleaseSha256>', sha256)
      .replace(/^volume=.*$/m, "volume='vol-1'");
    writeFileSync(join(work, 'user-data'), script);
    writeFileSync(join(work, 'secret.json'), JSON.stringify({ 'ca.pem': read('ca'), ...files }));
    const options = [work, role, ...(number === undefined ? [] : [number])];
    const run = spawnSync(packageFile('ops/e2e/aws-walk.sh'), options, {
      encoding: 'utf8',
      timeout: 120_000,
    });
    assert.match(run.stdout, /walked\n$/, `${run.stdout}${run.stderr}`);
    return run.stdout;
  }
  const read = (role: string): string => readFileSync(join(pki, `${role}.pem`), 'utf8');

  it('should make an edge whose nginx is a user of its own', () => {
    const own = { 'edge-client.pem': read('edge-client'), 'public.pem': read('edge') };
    const said = walk('edge', { ...own, 'origin-pull-ca.pem': read('ca') });
    assert.match(said, /^tollgate-nginx\nwalked\n$/m);
    const calls = readFileSync(join(dir, 'edge', 'systemctl'), 'utf8');
    assert.match(calls, /enable --now tollgate-nginx@edge\.service tollgate-edge-names\.timer/);
  });

  it('should make a shard that nginx reaches, from a tree that cannot be written', () => {
    const said = walk(
      'shard',
      {
        'engine-host.pem': read('engine-host'),
        'engine.pem': read('engine'),
        'keys.json': KEYS,
        'engine.env':
          'TOLLGATE_KAFKA_BROKERS=127.0.0.1:9094\nTOLLGATE_PROVIDERS=wallet\nTOLLGATE_DISK_FREE_MIN_MB=64\n',
      },
      '1',
    );
    assert.match(said, /^tollgate-nginx\n401\n401\n16 3$/m);
  });

  it('should make a processor that waits for what is not there', () => {
    walk('processor', {
      'processor.pem': read('processor'),
      'processor.env':
        'TOLLGATE_KAFKA_BROKERS=127.0.0.1:9094\nTOLLGATE_PROVIDERS=wallet\nTOLLGATE_DATABASE_URL=postgres://a:b@127.0.0.1:5432/tollgate\n',
    });
  });
});

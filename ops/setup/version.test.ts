/** The version stands in package.json. Files that cannot read it there must say the same. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { packageFile } from '../../engine/util/paths.js';
import { openapi } from '../../gateway/http/openapi.js';
import { packageVersion } from '../version.js';

const text = (path: string): string => readFileSync(packageFile(path), 'utf8');

describe('the version of the release', () => {
  const version = packageVersion();

  it('is three numbers', () => {
    assert.match(version, /^\d+\.\d+\.\d+$/);
  });

  it('is the same in the lock file', () => {
    const lock = JSON.parse(text('package-lock.json'));
    assert.deepEqual([lock.version, lock.packages[''].version], [version, version]);
  });

  it('is printed by the command line', () => {
    const command = packageFile('dist/ops/cli/main.js');
    const run = spawnSync(process.execPath, [command, '--version'], { encoding: 'utf8' });
    assert.equal(run.stdout.trim(), version, run.stderr);
  });

  it('is the same in the OpenAPI document', () => {
    const document = openapi(['wallet']) as { info: { version: string } };
    assert.equal(document.info.version, version);
  });

  it('is the same in each image of ours that the compose file names', () => {
    const { services } = parse(text('ops/deploy/docker/compose.yaml'), { merge: true }) as {
      services: Record<string, { image: string }>;
    };
    const ours = Object.values(services).filter((service) => service.image.startsWith('tollgate:'));
    assert.ok(ours.length > 0);
    for (const service of ours) assert.equal(service.image, `tollgate:${version}`);
  });

  it('is the same in the README', () => {
    assert.equal(/^\*\*State of this release \(([^)]+)\):/m.exec(text('README.md'))?.[1], version);
  });

  it('heads the newest dated part of the changelog', () => {
    const releases = [...text('CHANGELOG.md').matchAll(/^## \[(\d[^\]]*)\] - (.+)$/gm)];
    assert.equal(releases[0]?.[1], version);
    for (const [, name, date] of releases) assert.match(date!, /^\d{4}-\d\d-\d\d$/, name);
  });

  it('has the Avro records that a later release must be able to read', () => {
    assert.ok(existsSync(packageFile(`engine/codec/releases/${version}.json`)));
  });
});

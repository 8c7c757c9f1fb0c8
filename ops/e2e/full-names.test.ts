import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { stackConfig } from '../../engine/config/config.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { createTopics } from '../../engine/kafka/topics-admin.js';
import { packageFile } from '../../engine/util/paths.js';
import { caFile, clientTls, initPki, issue, roleFile } from '../deploy/pki/authority.js';
import type { Running } from '../local/child.js';
import { startKafka } from '../local/kafka.js';
import { freePorts } from '../testing/engine-process.js';

describe('a Kafka whose users are whole names of certificates, as MSK', { timeout: 90_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-names-'));
  const pki = join(dir, 'pki');
  let kafka: Running;
  let brokers = '';
  before(async () => {
    initPki(pki);
    for (const role of ['engine', 'processor'] as const)
      issue(pki, role, 30, `/C=DE/O=Example Payments/CN=${role}`);
    const [port, controllerPort] = (await freePorts(2)) as [number, number];
    const jars = join(stackConfig().cacheDir, 'kafka');
    const names = { pki, hasFullNames: true };
    kafka = await startKafka({ jars, dir: join(dir, 'kafka'), port, controllerPort, ...names });
    brokers = `127.0.0.1:${port}`;
  });
  after(async () => {
    await kafka?.stop('SIGTERM', 10_000);
    rmSync(dir, { recursive: true });
  });

  const make = (role: 'engine' | 'processor', name: string): Promise<unknown> =>
    createTopics(brokers, [{ name, partitions: 1 }], 1, clientTls(pki, role));
  const writeAcls = (...options: string[]) =>
    promisify(execFile)(process.execPath, [
      packageFile('dist/ops/deploy/pki/write-acls.js'),
      brokers,
      ...['--engine', roleFile(pki, 'engine'), '--processor', roleFile(pki, 'processor')],
      ...options,
    ]);

  it('should refuse the roles until the rules name them in full, and take them then', async () => {
    const { stdout } = await writeAcls();
    assert.match(stdout, /^User:CN=engine,O=Example Payments,C=DE may write, read topic /m);
    assert.match(stdout, /nothing was written/);
    await assert.rejects(make('engine', TOPICS.accepted));
    const admin = ['--ca', caFile(pki), '--cert', roleFile(pki, 'admin')];
    await writeAcls(
      '--brokers',
      'CN=*.example.kafka.eu-central-1.amazonaws.com',
      '--apply',
      ...admin,
    );
    await writeAcls('--apply', ...admin);
    await make('engine', TOPICS.accepted);
    await make('processor', `${'payments.retry.'}1s`);
    await assert.rejects(make('engine', 'payments.retry.2s'));
    await assert.rejects(make('processor', 'payments.foreign'));
  });

  it('should refuse a name that Kafka may write otherwise, and wrong use', async () => {
    issue(pki, 'processor', 30, '/O=Example, Payments/CN=processor');
    await assert.rejects(writeAcls(), /Kafka may write otherwise/);
    await assert.rejects(writeAcls('--aply'), { code: 2 });
    await assert.rejects(writeAcls('--apply'), { code: 2 });
  });
});

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { childEnvironment, processorConfig } from '../../engine/config/config.js';
import type { Environment } from '../../engine/config/settings.js';
import { packageFile } from '../../engine/util/paths.js';
import { checkSettings } from './check-settings.js';

/** One wrong setting each, of every process, and what is said about it. */
const CASES: readonly (readonly [Environment, RegExp])[] = [
  [{ TOLLGATE_LANE_SLOTS: '1000' }, /TOLLGATE_LANE_SLOTS: "1000" is not a power of two/],
  [{ TOLLGATE_ATTEMPTS_MAX: 'six' }, /TOLLGATE_ATTEMPTS_MAX: "six" is not a whole number/],
  [{ TOLLGATE_TIME_ZONE: 'Berlin' }, /TOLLGATE_TIME_ZONE: "Berlin" is not a time zone/],
  [{ TOLLGATE_PROVIDER_FEES: '14' }, /TOLLGATE_PROVIDER_FEES: "14" is not like/],
  [{ TOLLGATE_STRIPE_KEY: 'k' }, /TOLLGATE_STRIPE_RETURN_URL: needed/],
  [{ TOLLGATE_SIMULATOR_PORT: '0' }, /TOLLGATE_SIMULATOR_PORT: "0" is not/],
  [{ TOLLGATE_PRODUCTION: 'on' }, /TOLLGATE_PRODUCTION/],
  [{ TOLLGATE_KAFKA_PORT: 'x' }, /TOLLGATE_KAFKA_PORT: "x" is not/],
  [
    { TOLLGATE_KAKFA_PORT: '1' },
    /KAKFA_PORT: there is no such .* nearest is TOLLGATE_KAFKA_PORT$/m,
  ],
  [{ TOLLGATE_PROCESSOR_THREAD: '1' }, /nearest is TOLLGATE_PROCESSOR_THREADS$/m],
  [
    { TOLLGATE_KAFKA_BROKERS: 'kafka:9092' },
    /KAFKA_BROKERS: kafka is not on this machine .* TOLLGATE_ALLOW_PLAINTEXT=kafka$/m,
  ],
  [{ TOLLGATE_DATABSE_URL: 'x' }, /nearest is TOLLGATE_DATABASE_URL$/m],
];

function problemOf(isCluster: boolean, environment: Environment): string {
  try {
    checkSettings(isCluster, environment);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the settings of a system on one machine', () => {
  for (const [environment, problem] of CASES)
    it(`should refuse ${JSON.stringify(environment)}`, () => {
      assert.match(problemOf(false, environment), problem);
      assert.match(problemOf(true, environment), problem);
    });

  it('should be well as they are, with a misspelt name that is empty too', () => {
    assert.equal(problemOf(false, { TOLLGATE_KAKFA_PORT: '' }), '');
    assert.equal(problemOf(true, {}), '');
  });

  it('should name two equal ports by their variables, once', () => {
    const same = { TOLLGATE_API_PORT: '28081', TOLLGATE_ADMIN_PORT: '28081' };
    const text = problemOf(false, same);
    assert.match(text, /1 problem.*\n.*TOLLGATE_API_PORT and TOLLGATE_ADMIN_PORT are both 28081$/);
    const cluster = { TOLLGATE_ADMIN_PORTS: '1,2,1', TOLLGATE_EDGE_PORT: '2' };
    assert.match(problemOf(true, cluster), /TOLLGATE_ADMIN_PORTS names port 1 twice/);
    assert.match(
      problemOf(true, cluster),
      /TOLLGATE_ADMIN_PORTS and TOLLGATE_EDGE_PORT are both 2/,
    );
    const own = { TOLLGATE_KAFKA_BROKERS: '127.0.0.1:9092', TOLLGATE_API_PORT: '19092' };
    assert.equal(problemOf(false, own), '');
  });

  it('should be refused by every process of its own too', () => {
    assert.throws(() => processorConfig({ TOLLGATE_ROUTE: '[]' }), /nearest is TOLLGATE_ROUTES/);
  });

  it('should stop `up` at once, with all problems, before anything is made', () => {
    const home = join(mkdtempSync(join(tmpdir(), 'tollgate-settings-')), 'home');
    const wrong = Object.assign({}, ...CASES.slice(0, 5).map(([environment]) => environment));
    const args = [packageFile('ops/cli/tollgate.mjs'), 'up'];
    const env = childEnvironment({ ...wrong, TOLLGATE_HOME: home });
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
    for (const [, problem] of CASES.slice(0, 5)) assert.match(stderr, problem);
    assert.match(stderr, /5 problems:/);
    assert.equal(status, 2);
    assert.equal(existsSync(home), false);
    rmSync(join(home, '..'), { recursive: true });
  });
});

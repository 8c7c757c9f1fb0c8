import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { engineConfig, processorConfig, simulatorConfig, stackConfig } from './config.js';
import { mayCall, PLACES, plainPeerProblems, plaintextProblems } from './plaintext.js';
import { ALL_SETTINGS, TABLES } from './settings/catalogue.js';
import type { Environment, SettingsTable } from './settings.js';

interface Case {
  /** Values that stay on this machine or are encrypted. */
  readonly fine: readonly string[];
  /** Values that do not, each with the host that is named. */
  readonly plain: Readonly<Record<string, string>>;
  /** What encrypts, set beside a plain value. */
  readonly cure?: Environment;
}

const URLS: Case = {
  fine: [
    'http://127.0.0.1:1',
    'http://127.9.9.9',
    'http://localhost',
    'http://[::1]:1',
    'https://a',
  ],
  plain: {
    'http://api.example': 'api.example',
    'http://10.0.0.1:80': '10.0.0.1',
    'http://[fd00::1]:80': 'fd00::1',
    'http://localhost.example': 'localhost.example',
    'http://127.0.0.1.example': '127.0.0.1.example',
    'HTTP://API.example': 'api.example',
  },
};

const POSTGRES: Case = {
  fine: [
    'postgres://a:b@127.0.0.1:5432/x',
    'postgres://a:b@[::1]/x',
    'postgres://a:b@/x',
    'postgres://a@%2Fvar%2Frun%2Fpostgresql/x',
    'postgres://a:b@db.internal/x?host=/var/run/postgresql',
    '/var/run/postgresql x',
    'socket:/var/run/postgresql?db=x',
    'postgres://a:b@db.internal/x?sslmode=require',
    'postgres://a:b@db.internal/x?sslmode=verify-ca',
    'postgres://a:b@db.internal/x?sslmode=verify-full',
  ],
  plain: {
    'postgres://a:b@db.internal/x': 'db.internal',
    'postgres://a:b@db.internal/x?sslmode=disable': 'db.internal',
    'postgres://a:b@db.internal/x?sslmode=prefer': 'db.internal',
    'postgres://a:b@db.internal/x?sslmode=require&sslmode=disable': 'db.internal',
    'postgres://a:b@127.0.0.1/x?host=db.internal': 'db.internal',
    'postgres://a:b@[fd00::1]/x': 'fd00::1',
  },
};

/** One row for each member of PLACES. */
const CASES: Readonly<Record<string, Case>> = {
  TOLLGATE_HOST: {
    fine: ['127.0.0.1', '127.71.0.1', '::1', 'localhost'],
    plain: { '0.0.0.0': '0.0.0.0', '::': '::', '10.0.0.5': '10.0.0.5', '1270.0.0.1': '1270.0.0.1' },
    cure: { TOLLGATE_SOCKET: '/run/api.sock' },
  },
  TOLLGATE_KAFKA_BROKERS: {
    fine: ['127.0.0.1:9092', 'localhost:9092,[::1]:9093', '127.0.0.1'],
    plain: {
      'kafka-1.internal:9092': 'kafka-1.internal',
      '127.0.0.1:9092, kafka-2.internal:9092': 'kafka-2.internal',
      'PLAINTEXT://kafka-3.internal:9092': 'kafka-3.internal',
      '[fd00::1]:9092': 'fd00::1',
    },
    cure: { TOLLGATE_KAFKA_CA: 'a', TOLLGATE_KAFKA_CERT: 'b', TOLLGATE_KAFKA_KEY: 'c' },
  },
  TOLLGATE_DATABASE_URL: POSTGRES,
  TOLLGATE_DATABASE_OWNER_URL: POSTGRES,
  TOLLGATE_SIMULATOR_URL: URLS,
  TOLLGATE_SIMULATORS: {
    fine: ['{"b": "http://127.0.0.1:8091"}', '{"b": "https://b.example"}'],
    plain: { '{"a": "https://a", "b": "http://b.example"}': 'b.example' },
  },
  TOLLGATE_STRIPE_URL: URLS,
  TOLLGATE_WEBHOOK_URL: URLS,
  TOLLGATE_CLOUDFLARE_URL: URLS,
};

/** Settings that sound like a host and connect or listen nowhere. */
const NO_CONNECTION: Readonly<Record<string, string>> = {
  TOLLGATE_STRIPE_RETURN_URL: 'a page of the merchant, opened by the browser of the payer',
  TOLLGATE_EGRESS_HOSTS: 'a list of names that TOLLGATE_STRIPE_URL and others are compared with',
  TOLLGATE_SIMULATOR_WEBHOOK_ADDRESSES: 'ranges that callers are compared with',
  TOLLGATE_STRIPE_WEBHOOK_ADDRESSES: 'ranges that callers are compared with',
  TOLLGATE_DNS_ADDRESSES: 'what DNS records say',
};

/** The tables of processes that read this setting. */
function tablesOf(env: string): SettingsTable[] {
  return Object.values(TABLES).filter((table) =>
    Object.values(table).some((setting) => setting.env === env),
  );
}

function problemsOf(environment: Environment, env: string): string[] {
  return tablesOf(env).flatMap((table) => plaintextProblems(table, environment));
}

describe('plain text to other machines', () => {
  it('should have a place for every setting that names a host, and a case for every place', () => {
    const named = ALL_SETTINGS.map((setting) => setting.env).filter((text) =>
      /_(URLS?|HOSTS?|BROKERS|SIMULATORS|ADDRESS(ES)?|LISTEN)$/.test(text),
    );
    for (const env of named)
      assert.ok(env in PLACES || env in NO_CONNECTION, `${env} has no line in PLACES`);
    assert.deepEqual(Object.keys(CASES).sort(), Object.keys(PLACES).sort());
    for (const env of Object.keys(PLACES)) assert.ok(tablesOf(env).length > 0, env);
  });

  for (const [env, { fine, plain, cure }] of Object.entries(CASES)) {
    it(`should be refused in ${env} unless it is allowed by name`, () => {
      for (const value of fine) assert.deepEqual(problemsOf({ [env]: value }, env), [], value);
      for (const [value, host] of Object.entries(plain)) {
        const problems = problemsOf({ [env]: value }, env);
        assert.ok(problems.length > 0, value);
        for (const problem of problems) {
          assert.ok(problem.startsWith(`${env}: ${host} is not on this machine`), problem);
          assert.ok(problem.endsWith(`TOLLGATE_ALLOW_PLAINTEXT=${host}`), problem);
          assert.doesNotMatch(problem, /a:b@/);
        }
        const allow = (name: string) => ({ [env]: value, TOLLGATE_ALLOW_PLAINTEXT: name });
        assert.deepEqual(problemsOf(allow(`other, ${host}`), env), [], value);
        assert.ok(problemsOf(allow(`x${host}`), env).length > 0, value);
        if (cure) assert.deepEqual(problemsOf({ [env]: value, ...cure }, env), []);
      }
    });
  }

  it('should be refused by every process when it starts', () => {
    const kafka = { TOLLGATE_KAFKA_BROKERS: 'kafka-1.internal:9092' };
    const database = { TOLLGATE_DATABASE_URL: 'postgres://a:b@db.internal/x' };
    const host = { TOLLGATE_HOST: '10.0.0.5', TOLLGATE_KEYS_FILE: 'keys.json' };
    assert.throws(() => engineConfig(kafka), /TOLLGATE_KAFKA_BROKERS: kafka-1\.internal/);
    assert.throws(() => engineConfig(host), /TOLLGATE_HOST: 10\.0\.0\.5/);
    assert.throws(() => processorConfig(kafka), /TOLLGATE_KAFKA_BROKERS: kafka-1\.internal/);
    assert.throws(() => processorConfig(database), /TOLLGATE_DATABASE_URL: db\.internal/);
    assert.throws(() => stackConfig(database), /TOLLGATE_DATABASE_URL: db\.internal/);
    const owner = { TOLLGATE_DATABASE_OWNER_URL: database.TOLLGATE_DATABASE_URL };
    assert.throws(() => stackConfig(owner), /TOLLGATE_DATABASE_OWNER_URL: db\.internal/);
    const webhook = { TOLLGATE_WEBHOOK_URL: 'http://api.example/webhooks/psp/simulator' };
    assert.throws(() => simulatorConfig(webhook), /TOLLGATE_WEBHOOK_URL: api\.example/);
    const allowed = { TOLLGATE_ALLOW_PLAINTEXT: 'kafka-1.internal,10.0.0.5' };
    assert.equal(engineConfig({ ...kafka, ...host, ...allowed }).host, '10.0.0.5');
  });

  it('should be refused between engines, and where a provider is called', () => {
    const peers = { '0': 'https://shard-0', '1': 'http://127.0.0.1:1', '2': 'http://shard-2:9' };
    const [problem, ...others] = plainPeerProblems(peers, []);
    assert.match(problem!, /^peers\.2 of the topology: shard-2 is not on this machine/);
    assert.deepEqual(others, []);
    assert.deepEqual(plainPeerProblems(peers, ['shard-2']), []);
    assert.deepEqual([mayCall('http://a', []), mayCall('http://a', ['a'])], [false, true]);
  });
});

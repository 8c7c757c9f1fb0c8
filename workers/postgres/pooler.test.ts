import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Running, startChild } from '../../ops/local/child.js';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { until } from '../../ops/testing/system.js';
import { migrateAsOwner, prepareSchema } from './migrate.js';
import { connect, openPool } from './pool.js';

const PGBOUNCER = '/usr/sbin/pgbouncer';
const READY_MS_MAX = 10_000;
const isThere = existsSync(PGBOUNCER);

describe('a pooler before Postgres', { skip: isThere ? false : `${PGBOUNCER} is missing` }, () => {
  const home = mkdtempSync(join(tmpdir(), 'tollgate-pooler-'));
  const poolers: Running[] = [];
  let server: LocalPostgres;
  before(async () => {
    chmodSync(home, 0o755);
    const [port] = (await freePorts(1)) as [number];
    server = await startPostgres({ dir: join(home, 'pg'), port, log: join(home, 'pg.log') });
    await migrateAsOwner(server);
  });
  after(async () => {
    for (const pooler of poolers) await pooler.stop('SIGKILL', 1_000);
    await server?.stop('SIGINT', 5_000);
    rmSync(home, { recursive: true });
  });

  /** @returns the URL of Postgres through it */
  async function startPooler(mode: string, more: string[] = []): Promise<string> {
    const [port] = (await freePorts(1)) as [number];
    const file = (name: string): string => join(home, `${mode}-${port}.${name}`);
    const { username, password, port: target } = new URL(server.url);
    writeFileSync(file('users'), `"${username}" "${password}"\n`);
    const lines = [
      '[databases]',
      `tollgate = host=127.0.0.1 port=${target}`,
      '[pgbouncer]',
      ...['listen_addr = 127.0.0.1', `listen_port = ${port}`, `pool_mode = ${mode}`],
      ...['auth_type = scram-sha-256', `auth_file = ${file('users')}`, 'unix_socket_dir ='],
      ...more,
    ];
    writeFileSync(file('ini'), `${lines.join('\n')}\n`);
    // It refuses to be root.
    const [command, ...args] =
      process.getuid?.() === 0
        ? ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', PGBOUNCER]
        : [PGBOUNCER];
    poolers.push(startChild(command!, [...args, file('ini')], file('log')));
    const url = Object.assign(new URL(server.url), { port }).href;
    await until('the pooler listens', READY_MS_MAX, async () =>
      connect(url).then(
        (client) => client.end().then(() => true),
        () => false,
      ),
    );
    return url;
  }

  it('should work in session mode, with its settings as without one', async () => {
    const url = await startPooler('session');
    await prepareSchema(url, () => assert.fail('the runtime role owns nothing'));
    const pool = openPool(url, 2, { session: { statement_timeout: 1_234 } });
    const show = async (name: string): Promise<unknown> =>
      (await pool.query(`select current_setting('${name}') as it`)).rows[0]!.it;
    assert.equal(await show('statement_timeout'), '1234ms');
    assert.equal(await show('enable_seqscan'), 'off');
    await pool.end();
  });

  for (const [mode, more] of [
    ['transaction', []],
    ['transaction', ['server_round_robin = 1']],
  ] as [string, string[]][])
    it(`should be refused in ${mode} mode ${more}`, async () => {
      await assert.rejects(prepareSchema(await startPooler(mode, more)), {
        code: 'pooler_mode',
        message: /is in transaction mode: set pool_mode = session/,
      });
    });
});

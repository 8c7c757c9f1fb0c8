import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { caFile, ensurePki, roleFile } from '../../ops/deploy/pki/authority.js';
import { type LocalPostgres, startPostgres } from '../../ops/local/postgres.js';
import { freePorts } from '../../ops/testing/engine-process.js';
import { connect as connectTo } from './pool.js';

describe('sslmode', { timeout: 60_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'tollgate-sslmode-'));
  const [ours, foreign] = ['pki', 'foreign'].map((text) => join(home, text)) as [string, string];
  let server: LocalPostgres;
  let port: number;
  before(async () => {
    chmodSync(home, 0o755);
    for (const text of [ours, foreign]) ensurePki(text);
    [port] = (await freePorts(1)) as [number];
    const files = { dir: join(home, 'pg'), log: join(home, 'pg.log'), pki: ours };
    server = await startPostgres({ port, ...files });
  });
  after(async () => {
    await server?.stop('SIGINT', 5_000);
    rmSync(home, { recursive: true });
  });

  /** The server's certificate names 127.0.0.1, and not this spelling of it. */
  const OTHER_NAME = '127.1';
  type Root = 'none' | 'ours' | 'foreign';
  const table: [string, Root, string, RegExp | undefined][] = [
    ['require', 'none', '127.0.0.1', undefined],
    ['require', 'ours', OTHER_NAME, undefined],
    ['require', 'foreign', '127.0.0.1', /self.signed certificate|unable to/],
    ['verify-ca', 'ours', OTHER_NAME, undefined],
    ['verify-ca', 'none', '127.0.0.1', /requires specifying a CA/],
    ['verify-ca', 'foreign', '127.0.0.1', /self.signed certificate|unable to/],
    ['verify-full', 'ours', '127.0.0.1', undefined],
    ['verify-full', 'ours', OTHER_NAME, /altnames/],
    ['verify-full', 'none', '127.0.0.1', /self.signed certificate|unable to/],
  ];
  for (const [mode, root, host, refusal] of table)
    it(`should ${refusal ? 'refuse' : 'take'} ${mode}, root ${root}, host ${host}`, async () => {
      const query = new URLSearchParams({
        sslmode: mode,
        sslcert: roleFile(ours, 'processor'),
        sslkey: roleFile(ours, 'processor'),
        ...(root === 'none' ? {} : { sslrootcert: caFile(root === 'ours' ? ours : foreign) }),
      });
      const connect = async (): Promise<boolean> => {
        const url = `postgres://processor@${host}:${port}/tollgate?${query}`;
        const client = await connectTo(url);
        try {
          const sql = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';
          return (await client.query<{ ssl: boolean }>(sql)).rows[0]!.ssl;
        } finally {
          await client.end().catch(() => {});
        }
      };
      if (refusal) await assert.rejects(connect(), refusal);
      else assert.equal(await connect(), true);
    });
});

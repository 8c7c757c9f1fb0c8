import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Pool } from 'undici';
import { ConsistentHash } from './consistent-hash.js';

/** The text of one nginx that hashes the header X-Id over `names`. */
const configuration = (dir: string, port: number, names: readonly string[]): string => `
daemon off; pid ${dir}/pid; error_log ${dir}/error.log; worker_processes 1;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi; uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  upstream shards { hash $http_x_id consistent; ${names.map((it) => `server ${it};`).join(' ')} }
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://shards; } }
}`;

describe('the consistent hash beside a real nginx', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-hash-'));
  const shards = [0, 1, 2].map((number) =>
    createServer((_request, response) => response.end(`${number}`)),
  );
  let nginx: ChildProcess;
  let names: string[];
  let pool: Pool;

  before(async () => {
    for (const it of shards) await once(it.listen(0, '127.0.0.1'), 'listening');
    names = shards.map((it) => `127.0.0.1:${(it.address() as AddressInfo).port}`);
    const free = createTcp().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    await new Promise((done) => free.close(done));
    writeFileSync(join(dir, 'nginx.conf'), configuration(dir, port, names));
    nginx = spawn('nginx', ['-p', dir, '-c', join(dir, 'nginx.conf')], { stdio: 'ignore' });
    pool = new Pool(`http://127.0.0.1:${port}`, { connections: 8 });
    for (let i = 0; i < 100; i++) {
      const isUp = await pool.request({ method: 'GET', path: '/' }).then(
        (it) => it.body.dump().then(() => true),
        () => false,
      );
      if (isUp) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error('nginx did not start: is the package installed? Run `make setup`.');
  });

  after(async () => {
    await pool.destroy();
    nginx.kill('SIGTERM');
    for (const it of shards) it.close();
    rmSync(dir, { recursive: true });
  });

  it('should pick the server that nginx picks, for every id', async () => {
    const hash = new ConsistentHash(names);
    for (let i = 0; i < 500; i++) {
      const id = `order-${i * 7_919}`;
      const { body } = await pool.request({ method: 'GET', path: '/', headers: { 'x-id': id } });
      assert.equal(Number(await body.text()), hash.pick(id), id);
    }
  });
});

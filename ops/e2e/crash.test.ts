import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { get, post } from '../testing/checkout-client.js';
import { startEngineProcess } from '../testing/engine-process.js';

const WRITERS = 32;
const KILLS = 3;
const LOAD_MS = 700;

it('should still know every answered checkout after kill -9, with the same bytes', {
  timeout: 120_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-crash-'));
  const settings = { TOLLGATE_DATA_DIR: dir, TOLLGATE_CDC: 'off' };
  const answered = new Map<string, string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const engine = await startEngineProcess(settings);
    let isAlive = true;
    const load = Array.from({ length: WRITERS }, async (_, writer) => {
      for (let n = 0; isAlive; n++) {
        const id = `k${kill}-w${writer}-${n}`;
        const answer = await post(engine.api, id).catch(() => undefined);
        if (answer?.status === 202) answered.set(id, answer.body);
      }
    });
    await new Promise((done) => setTimeout(done, LOAD_MS));
    await engine.stop('SIGKILL');
    isAlive = false;
    await Promise.all(load);
  }
  assert.ok(answered.size > 100, `only ${answered.size} answers: no load`);
  const engine = await startEngineProcess(settings);
  for (const [id, body] of answered) {
    const again = await post(engine.api, id);
    assert.equal(again.headers.get('idempotent-replayed'), 'true', `${id} was forgotten`);
    assert.equal(again.body, body);
  }
  await engine.stop();
  rmSync(dir, { recursive: true });
});

it('should refuse to start after damage to the log, and say why', { timeout: 60_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-damage-'));
  const settings = { TOLLGATE_DATA_DIR: dir, TOLLGATE_CDC: 'off' };
  const engine = await startEngineProcess(settings);
  for (let n = 0; n < 20; n++) assert.equal((await post(engine.api, `d-${n}`)).status, 202);
  await engine.stop();
  const log = join(dir, 'db', readdirSync(join(dir, 'db')).find((name) => name.endsWith('.log'))!);
  const intact = readFileSync(log);

  const flipped = Buffer.from(intact);
  flipped[Math.floor(flipped.length / 2)]! ^= 1;
  writeFileSync(log, flipped);
  await assert.rejects(startEngineProcess(settings), /Acknowledged payments may be lost/);

  rmSync(log);
  await assert.rejects(startEngineProcess(settings), /Acknowledged payments may be lost/);

  // What nobody was answered for may be torn.
  writeFileSync(log, Buffer.concat([intact, intact.subarray(0, 40)]));
  const again = await startEngineProcess(settings);
  assert.equal((await get(again.api, 'd-19')).status, 200);
  await again.stop();
  rmSync(dir, { recursive: true });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { addKey } from '../keys/new-key.js';
import { VISA } from '../testing/checkout-client.js';
import { type EngineProcess, eventually, startEngineProcess } from '../testing/engine-process.js';

const MERCHANT_MAX = 5;
const TOTAL_MAX = 8;
/** Far below the 30 s of the poll: a place that only a timer frees is a failure. */
const FREED_MS_MAX = 3_000;

describe('the places for long polls', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-long-polls-'));
  const file = join(dir, 'keys.json');
  const [greedy, other] = ['greedy', 'other'].map((name) => addKey(file, name, false).key);
  const sockets: Socket[] = [];
  let engine: EngineProcess;

  before(async () => {
    engine = await startEngineProcess({
      TOLLGATE_DATA_DIR: join(dir, 'data'),
      TOLLGATE_CDC: 'off',
      TOLLGATE_KEYS_FILE: file,
      TOLLGATE_GATEWAY_THREADS: '1',
      TOLLGATE_WAITERS_MAX: `${TOTAL_MAX}`,
      TOLLGATE_MERCHANT_WAITERS_MAX: `${MERCHANT_MAX}`,
    });
    for (const key of [greedy!, other!]) await checkout(key);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await waiting(0);
  });
  after(async () => {
    assert.equal(await engine.stop(), 0);
    rmSync(dir, { recursive: true });
  });

  async function checkout(key: string): Promise<void> {
    const headers = {
      Authorization: `Bearer ${key}`,
      'X-PAYMENT-CHECKOUT-ID': 'polled',
      'Content-Type': 'application/json',
    };
    const request = { method: 'POST', headers, body: JSON.stringify(VISA) };
    assert.equal((await fetch(`${engine.api}/payments`, request)).status, 202);
  }

  function poll(key: string): Socket {
    const { hostname, port } = new URL(engine.api);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.write(
      `GET /payments/polled HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\nPrefer: wait=30\r\n\r\n`,
    );
    sockets.push(socket);
    return socket;
  }

  function waiting(count: number): Promise<void> {
    return eventually(`${count} polls wait`, FREED_MS_MAX, async () => {
      return (await engine.metric('gateway_waiters')) === count;
    });
  }

  async function answerOf(socket: Socket): Promise<string> {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    return chunk.toString('latin1');
  }

  it('should be bounded for one merchant, and free for another', async () => {
    for (let i = 0; i < MERCHANT_MAX; i++) poll(greedy!);
    await waiting(MERCHANT_MAX);
    const answer = await answerOf(poll(greedy!));
    assert.match(answer, /^HTTP\/1\.1 429 /);
    assert.match(answer, /^Retry-After: 2\r$/m);
    assert.match(answer, /"code":"too_many_long_polls"/);
    poll(other!);
    await waiting(MERCHANT_MAX + 1);
  });

  it('should be bounded for all merchants together: a poll is then answered at once', async () => {
    for (let i = 0; i < MERCHANT_MAX; i++) poll(greedy!);
    for (let i = MERCHANT_MAX; i < TOTAL_MAX; i++) poll(other!);
    await waiting(TOTAL_MAX);
    const answer = await answerOf(poll(other!));
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(answer, /Preference-Applied/i);
  });

  it('should be free at once when clients go, by an end or by a reset', async () => {
    for (const leave of [
      (socket: Socket) => socket.destroy(),
      (socket: Socket) => socket.resetAndDestroy(),
      (socket: Socket) => socket.end(),
    ]) {
      const polls = Array.from({ length: MERCHANT_MAX }, () => poll(greedy!));
      await waiting(MERCHANT_MAX);
      for (const socket of polls) leave(socket);
      await waiting(0);
    }
    poll(greedy!);
    await waiting(1);
  });
});

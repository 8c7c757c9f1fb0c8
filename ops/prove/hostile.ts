/** Hostile requests and slow connections at the edge: refused, and good clients hardly notice. */
import { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { build, type Histogram } from 'hdr-histogram-js';
import { VISA } from '../e2e/checkout-client.js';
import { edgeRequest, exchangeTls } from '../e2e/edge-client.js';
import { EdgeFixture } from '../e2e/edge-fixture.js';
import { type Hostile, hostileRequests } from './hostile-requests.js';
import type { Proof, Stage } from './proof.js';

const RATE = 100;
/** Of a machine that does other things besides: below this, twice as much says nothing. */
const P99_MS_FLOOR = 25;
const SLOW_CONNECTIONS = 500;
const ATTACKER = '127.0.0.66';

export const hostile: Proof = {
  name: 'hostile',
  shows:
    'smuggling, doubled headers, odd bytes and paths, oversize and 500 slow connections are refused; good traffic keeps its p99 within 2 ×',
  async run(stage: Stage) {
    const edge = await EdgeFixture.start();
    try {
      await goodTraffic(edge, 'warm', 2);
      await attack(stage, edge);
      const seconds = stage.size(4, 20);
      const calm = await goodTraffic(edge, 'calm', seconds);
      const slow = new SlowConnections(edge, SLOW_CONNECTIONS);
      const hammering = new AbortController();
      const hammer = keepAttacking(edge, hammering.signal);
      const besides = await goodTraffic(edge, 'besides', seconds);
      hammering.abort();
      stage.figure('hostile requests beside good ones', await hammer);
      await slow.allCut(stage);
      compare(stage, calm, besides);
      stage.must(
        edge.engines.every((it) => it.child.exitCode === null),
        'an engine ended',
      );
    } finally {
      await edge.stop();
    }
  },
};

/** Each gets exactly one answer, the right one; nothing that was smuggled exists. */
async function attack(stage: Stage, edge: EdgeFixture): Promise<void> {
  const all = hostileRequests('');
  const problems = await Promise.all(all.map((it) => wrongAnswer(edge, it)));
  const wrong = problems.filter((it) => it !== undefined);
  stage.figure('hostile requests / wrong answers', `${all.length} / ${wrong.length}`);
  stage.must(wrong.length === 0, `${wrong[0]}`);
  const { status } = await ask(edge, '/payments/smuggled');
  stage.must(status === 404, `a smuggled payment exists: ${status}`);
}

async function wrongAnswer(edge: EdgeFixture, it: Hostile): Promise<string | undefined> {
  const text = await exchangeTls(edge.port, edge.ca, it.bytes);
  const answers = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((found) => Number(found[1]));
  const expected = it.status === 0 ? [] : [it.status];
  const isProblem = it.status < 300 || text.includes('Content-Type: application/problem+json');
  if (`${answers}` === `${expected}` && isProblem && !/<html/i.test(text)) return undefined;
  return `${it.name}: ${answers.join(' ') || 'no answer'} instead of ${it.status}: ${text.slice(0, 300)}`;
}

/** The whole list again and again. @returns how many */
async function keepAttacking(edge: EdgeFixture, signal: AbortSignal): Promise<number> {
  let count = 0;
  const quick = hostileRequests('').filter((it) => !it.name.startsWith('a large'));
  while (!signal.aborted) {
    for (const it of quick) {
      if (signal.aborted) break;
      await exchangeTls(edge.port, edge.ca, it.bytes);
      count++;
    }
  }
  return count;
}

/** Posts at a constant rate whether or not answers come. @returns microseconds */
async function goodTraffic(edge: EdgeFixture, prefix: string, seconds: number): Promise<Histogram> {
  const latency = build();
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const open: Promise<void>[] = [];
  const start = performance.now();
  for (let n = 0; n < RATE * seconds; n++) {
    const due = start + (n * 1_000) / RATE;
    await sleep(Math.max(0, due - performance.now()));
    open.push(
      pay(edge, `${prefix}-${n}`, agent).then(() =>
        latency.recordValue(Math.max(1, Math.round((performance.now() - due) * 1_000))),
      ),
    );
  }
  await Promise.all(open);
  agent.destroy();
  return latency;
}

async function pay(edge: EdgeFixture, id: string, agent: Agent): Promise<void> {
  const { status, body } = await edgeRequest({
    ...{ port: edge.port, ca: edge.ca, method: 'POST', path: '/payments', agent },
    headers: { 'X-PAYMENT-CHECKOUT-ID': id, 'Content-Type': 'application/json' },
    body: JSON.stringify(VISA),
  });
  if (status !== 202) throw new Error(`a good checkout is refused: ${status} ${body}`);
}

function ask(edge: EdgeFixture, path: string) {
  return edgeRequest({ port: edge.port, ca: edge.ca, path });
}

function compare(stage: Stage, calm: Histogram, besides: Histogram): void {
  const ms = (it: Histogram): number => it.getValueAtPercentile(99) / 1_000;
  stage.figure(
    'p99 of good traffic: calm / under attack',
    `${ms(calm).toFixed(1)} / ${ms(besides).toFixed(1)} ms`,
  );
  stage.must(
    ms(besides) <= Math.max(2 * ms(calm), P99_MS_FLOOR),
    'good traffic is slower than twice its usual p99',
  );
}

/** Connections that send a header byte by byte and never end it (slowloris). */
class SlowConnections {
  readonly #sockets: TLSSocket[];
  readonly #timer: NodeJS.Timeout;
  readonly #limitMs: number;
  #open = 0;
  #longestMs = 0;

  constructor(edge: EdgeFixture, count: number) {
    this.#limitMs = edge.topology.limits.headerSeconds * 1_000;
    this.#sockets = Array.from({ length: count }, () => this.#connect(edge));
    this.#timer = setInterval(() => {
      for (const it of this.#sockets) if (it.writable) it.write('a');
    }, 500);
  }

  async allCut(stage: Stage): Promise<void> {
    const giveUpAt = Date.now() + this.#limitMs * 2;
    while (this.#open > 0 && Date.now() < giveUpAt) await sleep(50);
    clearInterval(this.#timer);
    for (const it of this.#sockets) it.destroy();
    stage.figure(
      'slow connections / still open / longest',
      `${this.#sockets.length} / ${this.#open} / ${(this.#longestMs / 1_000).toFixed(1)} s`,
    );
    stage.must(this.#open === 0, `${this.#open} slow connections were not cut`);
  }

  #connect(edge: EdgeFixture): TLSSocket {
    const { port, ca } = edge;
    const at = { host: '127.0.0.1', port, ca, localAddress: ATTACKER };
    const socket = connect(at, () =>
      socket.write('GET /payments/a HTTP/1.1\r\nHost: edge\r\nX-A: '),
    );
    const since = Date.now();
    this.#open++;
    // Reads, or it would never see the end.
    socket.resume().on('error', () => {});
    socket.once('close', () => {
      this.#open--;
      this.#longestMs = Math.max(this.#longestMs, Date.now() - since);
    });
    return socket;
  }
}

/** Hostile requests and slow connections at the edge: refused, and good clients hardly notice. */
import { once } from 'node:events';
import { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { build, type Histogram } from 'hdr-histogram-js';
import { VISA } from '../../testing/checkout-client.js';
import { edgeRequest, exchangeTls } from '../../testing/edge-client.js';
import { EdgeFixture } from '../../testing/edge-fixture.js';
import type { Proof, Stage } from '../../testing/proof.js';
import type { AttackerData, AttackerMessage } from './attacker.js';
import { type Hostile, hostileRequests } from './hostile-requests.js';

const MERCHANT = 'alpha';
const RATE = 100;
/** Of a machine that does other things besides: below this, twice as much says nothing. */
const P99_MS_FLOOR = 25;
const SLOW_CONNECTIONS = 500;

export const hostile: Proof = {
  name: 'hostile',
  shows:
    'smuggling, doubled headers, odd bytes and paths, oversize and 500 slow connections are refused; good traffic keeps its p99 within 2 ×',
  async run(stage: Stage) {
    const edge = await EdgeFixture.start();
    try {
      await goodTraffic(edge, 'warm', 2);
      await attack(stage, edge);
      const seconds = stage.size(2, 20);
      const calm = await goodTraffic(edge, 'calm', seconds);
      const attacker = startAttacker(edge);
      await once(attacker, 'message');
      const besides = await goodTraffic(edge, 'besides', seconds);
      await endAttack(stage, attacker);
      compare(stage, calm, besides);
      stage.must(
        edge.engines.every((engine) => engine.child.exitCode === null),
        'an engine ended',
      );
    } finally {
      await edge.stop();
    }
  },
};

/** Each gets exactly one answer, the right one; nothing that was smuggled exists. */
async function attack(stage: Stage, edge: EdgeFixture): Promise<void> {
  const all = hostileRequests(edge.headersOf(MERCHANT));
  const problems = await Promise.all(all.map((entry) => wrongAnswer(edge, entry)));
  const wrong = problems.filter((problem) => problem !== undefined);
  stage.figure('hostile requests / wrong answers', `${all.length} / ${wrong.length}`);
  stage.must(wrong.length === 0, `${wrong[0]}`);
  const { status } = await ask(edge, '/payments/smuggled');
  stage.must(status === 404, `a smuggled payment exists: ${status}`);
}

async function wrongAnswer(edge: EdgeFixture, entry: Hostile): Promise<string | undefined> {
  const text = await exchangeTls(edge.port, edge.ca, entry.bytes);
  const answers = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((found) => Number(found[1]));
  const expected = entry.status === 0 ? [] : [entry.status];
  const isProblem = entry.status < 300 || text.includes('Content-Type: application/problem+json');
  if (`${answers}` === `${expected}` && isProblem && !/<html/i.test(text)) return undefined;
  return `${entry.name}: ${answers.join(' ') || 'no answer'} instead of ${entry.status}: ${text.slice(0, 300)}`;
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
    headers: {
      ...edge.headersOf(MERCHANT),
      'X-PAYMENT-CHECKOUT-ID': id,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify(VISA),
  });
  if (status !== 202) throw new Error(`a good checkout is refused: ${status} ${body}`);
}

function startAttacker(edge: EdgeFixture): Worker {
  const { port, ca } = edge;
  const headers = edge.headersOf(MERCHANT);
  const workerData: AttackerData = { port, ca, headers, slowConnections: SLOW_CONNECTIONS };
  return new Worker(new URL('./attacker.js', import.meta.url), { workerData });
}

async function endAttack(stage: Stage, attacker: Worker): Promise<void> {
  attacker.postMessage('end');
  const [ended] = (await once(attacker, 'message')) as [AttackerMessage];
  if (ended.type !== 'ended') throw new Error('the attacker did not end');
  const { requests, cut, open, longestMs } = ended;
  stage.figure('hostile requests beside good ones', requests);
  const longest = `${(longestMs / 1_000).toFixed(1)} s`;
  stage.figure('slow connections cut / left / longest', `${cut} / ${open} / ${longest}`);
  stage.must(open === 0 && cut >= SLOW_CONNECTIONS, `${open} slow connections were not cut`);
}

function ask(edge: EdgeFixture, path: string) {
  const headers = edge.headersOf(MERCHANT);
  return edgeRequest({ port: edge.port, ca: edge.ca, path, headers });
}

function compare(stage: Stage, calm: Histogram, besides: Histogram): void {
  const ms = (fallback: Histogram): number => fallback.getValueAtPercentile(99) / 1_000;
  stage.figure(
    'p99 of good traffic: calm / under attack',
    `${ms(calm).toFixed(1)} / ${ms(besides).toFixed(1)} ms`,
  );
  // Tests share their machine with others: the short form shows the figure, the whole one judges.
  stage.must(
    stage.isShort || ms(besides) <= Math.max(2 * ms(calm), P99_MS_FLOOR),
    'good traffic is slower than twice its usual p99',
  );
}

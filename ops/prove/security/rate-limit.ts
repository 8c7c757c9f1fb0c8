/** The rate limits of the edge: by key and by address, and who is not touched by them. */
import { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EdgeAnswer, edgeRequest } from '../../testing/edge-client.js';
import { EdgeFixture } from '../../testing/edge-fixture.js';
import type { Proof, Stage } from '../../testing/proof.js';

const LIMIT = 40;
const BURST = LIMIT / 2;
const OTHERS_RATE = 20;
const FLOOD_CONNECTIONS = 8;
const FLOODER = '127.0.0.66';

export const rateLimit: Proof = {
  name: 'rate-limit',
  shows:
    'a merchant above its rate gets 429 with Retry-After, an address above its own too; no other caller is affected',
  async run(stage: Stage) {
    const edge = await EdgeFixture.start({
      change: (entry) => ({ ...entry, limits: { ...entry.limits, perKey: LIMIT } }),
    });
    try {
      const seconds = stage.size(3, 15);
      await byKey(stage, edge, seconds);
      const { topology } = edge;
      const limits = { ...topology.limits, perKey: 100_000, perAddress: LIMIT };
      await edge.reload({ ...topology, limits });
      await byAddress(stage, edge, seconds);
    } finally {
      await edge.stop();
    }
  },
};

/** `alpha` floods while `beta`, at the same address, goes on as usual. */
async function byKey(stage: Stage, edge: EdgeFixture, seconds: number): Promise<void> {
  const flooding = flood(edge, seconds, () => ({ headers: edge.headersOf('alpha') }));
  const others = await steady(edge, seconds, { headers: edge.headersOf('beta') });
  const answers = await flooding;
  judgeFlood(stage, 'by key', answers, seconds);
  judgeOthers(stage, 'another merchant beside', others);
  await sleep(1_000);
  const after = await ask(edge, { headers: edge.headersOf('alpha') });
  stage.must(after.status === 404, `after the flood the merchant still gets ${after.status}`);
}

/** One address tries key after key; a merchant at another address goes on as usual. */
async function byAddress(stage: Stage, edge: EdgeFixture, seconds: number): Promise<void> {
  let n = 0;
  const flooding = flood(edge, seconds, () => ({
    from: FLOODER,
    headers: { authorization: `Bearer tg_guess_${n++}` },
  }));
  const others = await steady(edge, seconds, { headers: edge.headersOf('beta') });
  judgeFlood(stage, 'by address', await flooding, seconds);
  judgeOthers(stage, 'another address beside', others);
}

function judgeFlood(
  stage: Stage,
  what: string,
  answers: readonly EdgeAnswer[],
  seconds: number,
): void {
  const refused = answers.filter((answer) => answer.status === 429);
  const served = answers.length - refused.length;
  const most = BURST + LIMIT * (seconds + 1);
  stage.figure(
    `${what}: requests / served / 429`,
    `${answers.length} / ${served} / ${refused.length}`,
  );
  stage.must(refused.length > 0, 'no request was refused: the flood was no flood');
  stage.must(served <= most, `${served} requests were served, not at most ${most}`);
  stage.must(served >= LIMIT * (seconds - 1), `only ${served} requests were served`);
  const bad = refused.find(
    (answer) =>
      answer.headers['retry-after'] === undefined ||
      answer.headers['content-type'] !== 'application/problem+json' ||
      (JSON.parse(answer.body) as { code: string }).code !== 'rate_limited',
  );
  stage.must(bad === undefined, `a 429 is not as documented: ${bad?.body}`);
}

function judgeOthers(stage: Stage, what: string, answers: readonly EdgeAnswer[]): void {
  const refused = answers.filter((answer) => answer.status !== 404);
  stage.figure(`${what}: requests / refused`, `${answers.length} / ${refused.length}`);
  stage.must(refused.length === 0, `${what} was answered ${refused[0]?.status}`);
}

interface Call {
  readonly headers: Record<string, string>;
  readonly from?: string;
  readonly agent?: Agent;
}

/** As fast as a few connections can. */
async function flood(edge: EdgeFixture, seconds: number, next: () => Call): Promise<EdgeAnswer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: FLOOD_CONNECTIONS });
  const answers: EdgeAnswer[] = [];
  const endAt = Date.now() + seconds * 1_000;
  const client = async (): Promise<void> => {
    while (Date.now() < endAt) answers.push(await ask(edge, { ...next(), agent }));
  };
  await Promise.all(Array.from({ length: FLOOD_CONNECTIONS }, client));
  agent.destroy();
  return answers;
}

async function steady(edge: EdgeFixture, seconds: number, call: Call): Promise<EdgeAnswer[]> {
  const agent = new Agent({ keepAlive: true });
  const answers: EdgeAnswer[] = [];
  for (let n = 0; n < OTHERS_RATE * seconds; n++) {
    answers.push(await ask(edge, { ...call, agent }));
    await sleep(1_000 / OTHERS_RATE);
  }
  agent.destroy();
  return answers;
}

/** Of a payment that does not exist: who is let through gets 404, or 401 without a real key. */
function ask(edge: EdgeFixture, call: Call): Promise<EdgeAnswer> {
  return edgeRequest({ port: edge.port, ca: edge.ca, path: '/payments/nobody', ...call });
}

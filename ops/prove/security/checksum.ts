/**
 * The request checksum: what was signed is taken, and whatever was changed, kept or sent
 * elsewhere is refused. The cases are the same against an engine and through the edge.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { type Credentials, proofHeaders, type Request } from '../../client/credentials.js';
import { addKey } from '../../keys/new-key.js';
import { VISA } from '../../testing/checkout-client.js';
import { startEngineProcess } from '../../testing/engine-process.js';
import type { Proof, Stage } from '../../testing/proof.js';

const ANSWER_MS_MAX = 10_000;
const BODY = JSON.stringify(VISA);

export interface ChecksumTarget {
  readonly api: string;
  /** PEM of who signed the API's certificate, where it is https. */
  readonly ca?: string;
  /** Of a merchant with a secret. */
  readonly signed: Credentials;
  /** Of one without. */
  readonly unsigned: Credentials;
}

export const checksum: Proof = {
  name: 'checksum',
  shows: 'a signed request is taken as it was signed, in its five minutes, and no other',
  async run(stage: Stage) {
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-checksum-'));
    const file = join(dir, 'keys.json');
    const unsigned = addKey(file, 'unsigned', false);
    const signed = addKey(file, 'signed', true);
    const engine = await startEngineProcess({
      TOLLGATE_DATA_DIR: join(dir, 'data'),
      TOLLGATE_CDC: 'off',
      TOLLGATE_KEYS_FILE: file,
    });
    try {
      await showChecksums(stage, { api: engine.api, signed, unsigned });
    } finally {
      await engine.stop();
      rmSync(dir, { recursive: true });
    }
  },
};

interface Case {
  readonly name: string;
  /** What is signed; the id is made for each case. */
  readonly signs?: Partial<Request>;
  readonly credentials?: Credentials;
  readonly atMs?: number;
  /** What is sent, where it is not what was signed. */
  readonly sends?: { body?: string; headers?: Record<string, string> };
  readonly status: number;
  readonly code?: string;
}

/** Every case as a POST of a new id, and as a GET of a payment that exists. */
export async function showChecksums(stage: Stage, target: ChecksumTarget): Promise<void> {
  const agent = new Agent(target.ca === undefined ? {} : { connect: { ca: target.ca } });
  const run = Date.now().toString(36);
  let n = 0;
  try {
    for (const method of ['POST', 'GET'] as const) {
      for (const testCase of casesOf(target, method)) {
        const id = method === 'GET' ? `checksum-${run}-0` : `checksum-${run}-${n++}`;
        const answer = await send(target.api, agent, method, id, testCase);
        stage.figure(`${method}: ${testCase.name}`, `${answer.status} ${answer.code}`);
        const isRight = answer.status === testCase.status && answer.code === (testCase.code ?? '');
        stage.must(isRight, `${method}, ${testCase.name}: ${answer.status} ${answer.code}`);
      }
    }
  } finally {
    await agent.close();
  }
}

function casesOf({ signed, unsigned }: ChecksumTarget, method: 'POST' | 'GET'): Case[] {
  const good = method === 'POST' ? 202 : 200;
  const secondsAgo = (seconds: number): number => Date.now() - seconds * 1_000;
  const { key = '' } = signed;
  const forged = { status: 401, code: 'checksum_invalid' };
  const late = { status: 401, code: 'timestamp_out_of_range' };
  const missing = { status: 401, code: 'checksum_required' };
  const cases: Case[] = [
    { name: 'as it was signed', status: good },
    { name: 'no checksum', credentials: { key }, ...missing },
    {
      name: 'another secret',
      credentials: { key, checksumSecret: 'guessed-guessed-guessed' },
      ...forged,
    },
    ...(method === 'POST'
      ? [
          {
            name: 'one byte of the body changed',
            sends: { body: BODY.replace('1999', '1998') },
            ...forged,
          },
        ]
      : []),
    { name: 'signed for another path', signs: { path: '/payments/other' }, ...forged },
    { name: 'signed for another id', signs: { id: 'other' }, ...forged },
    {
      name: 'signed for another method',
      signs: { method: method === 'POST' ? 'GET' : 'POST' },
      ...forged,
    },
    { name: 'signed 290 s ago', atMs: secondsAgo(290), status: good },
    { name: 'signed 301 s ago', atMs: secondsAgo(301), ...late },
    { name: 'signed 302 s ahead', atMs: secondsAgo(-302), ...late },
    {
      name: 'kept, with a new time',
      atMs: secondsAgo(302),
      sends: { headers: { 'X-PAYMENT-TIMESTAMP': `${Math.floor(Date.now() / 1_000)}` } },
      ...forged,
    },
    ...(method === 'POST'
      ? [{ name: 'a merchant without a secret', credentials: unsigned, status: good }]
      : []),
  ];
  return cases.map((testCase) => ({ credentials: signed, ...testCase }));
}

async function send(
  api: string,
  agent: Agent,
  method: 'POST' | 'GET',
  id: string,
  { signs = {}, credentials = {}, atMs = Date.now(), sends = {} }: Case,
): Promise<{ status: number; code: string }> {
  const path = method === 'POST' ? '/payments' : `/payments/${id}`;
  const body = method === 'POST' ? BODY : '';
  const proof = proofHeaders(credentials, { method, path, id, body, ...signs }, atMs);
  const answer = await request(`${api}${path}`, {
    method,
    headers: {
      ...(method === 'POST'
        ? { 'X-PAYMENT-CHECKOUT-ID': id, 'Content-Type': 'application/json' }
        : {}),
      ...proof,
      ...sends.headers,
    },
    body: body === '' ? null : (sends.body ?? body),
    dispatcher: agent,
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const { code = '' } = (await answer.body.json()) as { code?: string };
  return { status: answer.statusCode, code };
}

/** Requests rows from other engines: JSON over HTTP, with mutual TLS where certificates are set. */
import { readFileSync } from 'node:fs';
import { Agent } from 'undici';
import { newAjv } from '../util/ajv.js';
import { EngineError } from '../util/errors.js';
import { FileWatch } from '../util/file-watch.js';
import { MovedRow, type Page } from './rows.js';

const ASK_MS_MAX = 2_000;
const PAGE_MS_MAX = 30_000;
const LOOK_MS = 2_000;
/** In the certificate of whatever ends TLS beside each engine. */
const PEER_NAME = 'engine-host.tollgate.internal';
const CONNECTIONS_MAX = 32;
const ANSWER_BYTES_MAX = 16 << 20;

export interface PeerTls {
  readonly peerCa: string;
  readonly peerCert: string;
  readonly peerKey: string;
}

interface PageRequest {
  readonly owner: number;
  /** See `pageOf`. */
  readonly from: string;
  readonly epoch: number | undefined;
}

const isRow = newAjv().compile<MovedRow>(MovedRow);

export class Peers {
  #agent: Agent;
  readonly #identity: FileWatch;

  constructor(tls: PeerTls) {
    this.#agent = agentOf(tls);
    const files = tls.peerCa === '' ? [] : [tls.peerCa, tls.peerCert, tls.peerKey];
    this.#identity = new FileWatch(files, LOOK_MS, () => {
      const earlier = this.#agent;
      try {
        this.#agent = agentOf(tls);
      } catch {
        return; // Not there at the moment: the certificate that we have goes on.
      }
      void earlier.close();
    });
  }

  /** @returns undefined when the peer has no such payment. Throws EngineError `peer_away`. */
  async row(peer: string, key: string, epoch: number): Promise<MovedRow | undefined> {
    const [merchant, id] = key.split('/').map(encodeURIComponent);
    const answer = await this.#get(peer, `/rows/${merchant}/${id}?epoch=${epoch}`, ASK_MS_MAX);
    if (answer === undefined) return undefined;
    if (!isRow(answer)) throw away(peer, 'its answer is no row');
    if (answer.key !== key) throw away(peer, `its answer is ${answer.key}, not ${key}`);
    return answer;
  }

  /** One page of what will belong to `owner`, refused while `epoch` is not in force there. */
  async page(peer: string, { owner, from, epoch }: PageRequest): Promise<Page> {
    const inForce = epoch === undefined ? '' : `&epoch=${epoch}`;
    const path = `/rows?owner=${owner}&from=${from}${inForce}`;
    const page = (await this.#get(peer, path, PAGE_MS_MAX)) as Page;
    if (!Array.isArray(page?.rows) || !page.rows.every((row) => isRow(row)))
      throw away(peer, 'its answer is no page');
    return page;
  }

  async close(): Promise<void> {
    this.#identity.stop();
    await this.#agent.destroy();
  }

  async #get(peer: string, path: string, msMax: number): Promise<unknown> {
    try {
      const { statusCode, body } = await this.#agent.request({
        origin: peer,
        path,
        method: 'GET',
        signal: AbortSignal.timeout(msMax),
      });
      const text = await body.text();
      if (statusCode === 200) return JSON.parse(text);
      if (statusCode === 404) return undefined;
      throw new Error(`it answers ${statusCode}`);
    } catch (cause) {
      throw away(peer, (cause as Error).message, cause);
    }
  }
}

function agentOf(tls: PeerTls): Agent {
  const files = tls.peerCa === '' ? {} : certificates(tls);
  return new Agent({
    connections: CONNECTIONS_MAX,
    pipelining: 1,
    connect: { timeout: ASK_MS_MAX, servername: PEER_NAME, ...files },
    maxResponseSize: ANSWER_BYTES_MAX,
  });
}

function certificates({ peerCa, peerCert, peerKey }: PeerTls) {
  return { ca: readFileSync(peerCa), cert: readFileSync(peerCert), key: readFileSync(peerKey) };
}

function away(peer: string, why: string, cause?: unknown): EngineError {
  return new EngineError('peer_away', `${peer}: ${why}`, { cause, canRetry: true });
}

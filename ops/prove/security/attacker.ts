/**
 * The attacker of the proof `hostile`, on a thread of its own so that its work is not mistaken
 * for the edge's slowness: keeps slow connections open (slowloris: a header byte by byte that
 * never ends) and sends the hostile requests again and again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import { exchangeTls } from '../../testing/edge-client.js';
import { hostileRequests } from './hostile-requests.js';

export interface AttackerData {
  readonly port: number;
  readonly ca: string;
  /** Of a merchant that may pay. */
  readonly headers: Readonly<Record<string, string>>;
  readonly slowConnections: number;
}

export type AttackerMessage =
  | { type: 'begun' }
  | { type: 'ended'; requests: number; cut: number; open: number; longestMs: number };

const ATTACKER = '127.0.0.66';
const BYTE_EVERY_MS = 500;
const REQUEST_EVERY_MS = 20;
const CONNECT_AT_ONCE = 10;
const CUT_MS_MAX = 15_000;

class Attacker {
  readonly #data: AttackerData;
  readonly #open = new Set<TLSSocket>();
  #isOver = false;
  #requests = 0;
  #cut = 0;
  #longestMs = 0;

  constructor(data: AttackerData) {
    this.#data = data;
  }

  /** Until it is told to end; then until every slow connection is cut, or a bound. */
  async run(say: (message: AttackerMessage) => void): Promise<void> {
    const slow = this.#keepSlow();
    while (this.#open.size < this.#data.slowConnections) await sleep(20);
    say({ type: 'begun' });
    await this.#keepAsking();
    await slow;
    const giveUpAt = Date.now() + CUT_MS_MAX;
    while (this.#open.size > 0 && Date.now() < giveUpAt) await sleep(50);
    const open = this.#open.size;
    for (const socket of this.#open) socket.destroy();
    const [requests, cut, longestMs] = [this.#requests, this.#cut, this.#longestMs];
    say({ type: 'ended', requests, cut, open, longestMs });
  }

  end(): void {
    this.#isOver = true;
  }

  /** What is cut is opened again, a few at a time. */
  async #keepSlow(): Promise<void> {
    while (!this.#isOver) {
      const missing = this.#data.slowConnections - this.#open.size;
      for (let i = 0; i < Math.min(missing, CONNECT_AT_ONCE); i++) this.#connect();
      await sleep(50);
    }
  }

  async #keepAsking(): Promise<void> {
    // A large body that never comes holds its connection for seconds.
    const quick = hostileRequests(this.#data.headers).filter(
      (request) => !request.name.startsWith('a large'),
    );
    for (let i = 0; !this.#isOver; i++) {
      const { port, ca } = this.#data;
      await exchangeTls(port, ca, quick[i % quick.length]!.bytes);
      this.#requests++;
      await sleep(REQUEST_EVERY_MS);
    }
  }

  #connect(): void {
    const { port, ca } = this.#data;
    const at = { host: '127.0.0.1', port, ca, localAddress: ATTACKER };
    const socket = connect(at, () =>
      socket.write('GET /payments/a HTTP/1.1\r\nHost: edge\r\nX-A: '),
    );
    const since = Date.now();
    const timer = setInterval(() => socket.writable && socket.write('a'), BYTE_EVERY_MS);
    this.#open.add(socket);
    // Reads, or it would never see the end.
    socket.resume().on('error', () => {});
    socket.once('close', () => {
      clearInterval(timer);
      this.#open.delete(socket);
      this.#cut++;
      this.#longestMs = Math.max(this.#longestMs, Date.now() - since);
    });
  }
}

const attacker = new Attacker(workerData as AttackerData);
parentPort?.once('message', () => attacker.end());
await attacker.run((message) => parentPort?.postMessage(message));

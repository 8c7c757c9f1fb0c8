/**
 * One HTTP/1.1 connection of a load client: a request at a time, written as prepared text, answers
 * parsed no further than needed. It connects again by itself when the server closes it. Made for
 * little work a request, so that the client takes little of the cores it shares with the server.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const RECONNECT_MS = 20;
const HEAD_BYTES_MAX = 16 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly ca: string | undefined;
}

export interface Answer {
  /** 0 when there was none: then `problem` says why. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
  readonly problem: string;
}

export function targetOf(url: string, ca?: string): Target {
  const { protocol, hostname, port } = new URL(url);
  const isTls = protocol === 'https:';
  return { host: hostname, port: Number(port || (isTls ? 443 : 80)), isTls, ca };
}

export class HttpConnection {
  readonly #target: Target;
  readonly #onReady: (connection: HttpConnection) => void;
  #socket: Socket | undefined;
  #pending: ((answer: Answer) => void) | undefined;
  #received: Buffer | undefined;
  #isOffered = false;
  #isClosed = false;
  #problem = '';

  /** @param onReady called whenever it may take a request */
  constructor(target: Target, onReady: (connection: HttpConnection) => void) {
    this.#target = target;
    this.#onReady = onReady;
    this.#connect();
  }

  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  /** Why the last attempt to connect failed; '' where none did. */
  get problem(): string {
    return this.#problem;
  }

  /** It will not be used as it was offered: it calls `onReady` again once it is connected. */
  withdraw(): void {
    this.#isOffered = false;
  }

  /** Only after `onReady`, and one at a time. */
  send(request: string, onAnswer: (answer: Answer) => void): void {
    this.#isOffered = false;
    this.#pending = onAnswer;
    this.#socket?.write(request, 'latin1');
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.destroy();
  }

  #connect(): void {
    const { host, port, isTls, ca } = this.#target;
    const socket = isTls
      ? connectTls({ host, port, servername: host, ...(ca ? { ca } : {}) })
      : connectTcp({ host, port });
    socket.setNoDelay(true);
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      this.#socket = socket;
      this.#problem = '';
      this.#offer();
    });
    let problem = 'closed';
    socket.on('error', (error: NodeJS.ErrnoException) => {
      problem = error.code ?? error.message;
    });
    socket.on('data', (chunk) => this.#take(chunk));
    socket.once('close', () => this.#lost(problem));
  }

  #lost(problem: string): void {
    if (this.#socket === undefined) this.#problem = problem;
    this.#socket = undefined;
    this.#received = undefined;
    this.#finish({ status: 0, head: '', body: '', problem });
    if (!this.#isClosed) setTimeout(() => this.#isClosed || this.#connect(), RECONNECT_MS);
  }

  #take(chunk: Buffer): void {
    const bytes = this.#received ? Buffer.concat([this.#received, chunk]) : chunk;
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd < 0 && bytes.length > HEAD_BYTES_MAX) {
      this.#socket?.destroy();
      return;
    }
    const head = headEnd < 0 ? '' : bytes.toString('latin1', 0, headEnd);
    const start = headEnd + HEAD_END.length;
    if (headEnd < 0 || bytes.length < start + contentLength(head)) {
      this.#received = bytes;
      return;
    }
    this.#received = undefined;
    const status = Number(head.slice(9, 12));
    const isLast = /\r\nconnection: *close/i.test(head);
    const body = bytes.toString('utf8', start);
    this.#finish({ status, head, body, problem: '' });
    if (isLast) this.#socket?.destroy();
    else this.#offer();
  }

  /** One that was closed while it stood ready is still known: twice would mix up two answers. */
  #offer(): void {
    if (this.#isOffered) return;
    this.#isOffered = true;
    this.#onReady(this);
  }

  #finish(answer: Answer): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.(answer);
  }
}

/** No server that is measured here sends chunks; without a length there is no body. */
function contentLength(head: string): number {
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
}

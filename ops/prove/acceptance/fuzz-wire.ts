/**
 * HTTP/1.1 over a raw socket, for requests that no HTTP client would send: the bytes go out as
 * they are, and one answer is read. Every exchange ends within its time limit.
 */
import { connect, type Socket } from 'node:net';

/** For a connection that is not accepted. */
const ABANDON_MS_MAX = 10_000;
const HEAD_BYTES_MAX = 64 * 1024;
const BODY_BYTES_MAX = 1024 * 1024;
/** An answer on the way to the answer, to `Expect: 100-continue`. */
const CONTINUE = 100;
const HEAD_END = Buffer.from('\r\n\r\n');

export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/**
 * `closed`: the connection ended, or could not be made, before a whole answer had come.
 * `silent`: nothing came within the limit.
 */
export type WireResult = WireAnswer | 'closed' | 'silent';

export function isAnswer(result: WireResult): result is WireAnswer {
  return typeof result === 'object';
}

export interface ExchangeOptions {
  readonly msMax: number;
  /** The answer to HEAD has no body, whatever its Content-Length says. */
  readonly isHead?: boolean;
}

/** One connection at a time; a new one is made when the last one has ended. */
export class WireClient {
  readonly #port: number;
  #socket: Socket | undefined;
  #received = Buffer.alloc(0);
  #onChange: () => void = () => {};

  constructor(port: number) {
    this.#port = port;
  }

  /**
   * Sends the segments, each in a packet of its own, and reads one answer. Where the server had
   * closed an idle connection, the exchange is repeated once on a new one.
   */
  async exchange(segments: readonly Buffer[], options: ExchangeOptions): Promise<WireResult> {
    const isReused = this.#isOpen();
    const result = await this.#exchange(segments, options);
    if (result !== 'closed' || !isReused) return result;
    return this.#exchange(segments, options);
  }

  /** The next exchange gets a new connection. */
  reset(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#received = Buffer.alloc(0);
  }

  /** Sends bytes and closes the connection without waiting for an answer. */
  async abandon(bytes: Buffer): Promise<void> {
    this.reset();
    const socket = this.#open();
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.setTimeout(ABANDON_MS_MAX, () => socket.destroy());
      socket.write(bytes, () => socket.destroy());
    });
    this.reset();
  }

  #isOpen(): boolean {
    return this.#socket?.readyState === 'open' && this.#received.length === 0;
  }

  async #exchange(segments: readonly Buffer[], options: ExchangeOptions): Promise<WireResult> {
    if (!this.#isOpen()) {
      this.reset();
      this.#socket = this.#open();
    }
    const socket = this.#socket!;
    // An answer may come before the last segment is out; the next request must not.
    const written = writeAll(socket, segments);
    const result = await this.#read(socket, options);
    await written;
    const isLast = !isAnswer(result) || result.headers.get('connection')?.toLowerCase() === 'close';
    if (isLast) this.reset();
    return result;
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    socket.on('data', (chunk) => {
      if (this.#socket !== socket) return;
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#onChange();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#socket === socket && this.#onChange());
    return socket;
  }

  #read(socket: Socket, { msMax, isHead = false }: ExchangeOptions): Promise<WireResult> {
    return new Promise((resolve) => {
      const finish = (result: WireResult): void => {
        clearTimeout(timer);
        this.#onChange = () => {};
        resolve(result);
      };
      const timer = setTimeout(() => finish('silent'), msMax);
      this.#onChange = () => {
        const parsed = parseAnswer(this.#received, isHead, socket.closed);
        if (parsed !== undefined) {
          this.#received = this.#received.subarray(parsed.bytes);
          if (parsed.answer.status === CONTINUE) this.#onChange();
          else finish(parsed.answer);
        } else if (socket.closed || this.#received.length > HEAD_BYTES_MAX + BODY_BYTES_MAX) {
          finish('closed');
        }
      };
    });
  }
}

async function writeAll(socket: Socket, segments: readonly Buffer[]): Promise<void> {
  for (const [index, segment] of segments.entries()) {
    if (index > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    if (socket.destroyed) return;
    socket.write(segment);
  }
}

/** @returns undefined while the answer is not whole */
function parseAnswer(
  received: Buffer,
  isHead: boolean,
  isEnd: boolean,
): { answer: WireAnswer; bytes: number } | undefined {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = received.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1] ?? 0);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  const start = headEnd + HEAD_END.length;
  const length = bodyLength(headers, status, isHead, isEnd ? received.length - start : undefined);
  if (length === undefined || received.length < start + length) return undefined;
  const body = Buffer.from(received.subarray(start, start + length));
  return { answer: { status, headers, body }, bytes: start + length };
}

/** @param untilEnd bytes of a body without a length, once the connection has ended */
function bodyLength(
  headers: ReadonlyMap<string, string>,
  status: number,
  isHead: boolean,
  untilEnd: number | undefined,
): number | undefined {
  if (isHead || status === CONTINUE || status === 304 || status === 204) return 0;
  const length = headers.get('content-length');
  return length === undefined ? untilEnd : Number(length);
}

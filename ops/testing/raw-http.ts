/**
 * HTTP/1.1 over a bare connection: bytes go out as they are, answers are framed as RFC 9112, 6.3
 * says. It trusts nothing that an HTTP client would mend or hide.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface RawTarget {
  readonly port: number;
  /** Of the certificate's authority; without it the connection is plain. */
  readonly ca?: string;
}

export interface RawAnswer {
  readonly status: number;
  /** By name in lower case; several lines are joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** What came instead of an answer. */
export type NoAnswer = 'closed' | 'silent';

const HEAD_END = '\r\n\r\n';
const POLL_MS = 5;

export class RawConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #isClosed = false;

  static async open({ port, ca }: RawTarget): Promise<RawConnection> {
    const at = { host: '127.0.0.1', port };
    const socket = ca === undefined ? connect(at) : connectTls({ ...at, ca });
    const event = ca === undefined ? 'connect' : 'secureConnect';
    await new Promise((opened, failed) => socket.once(event, opened).once('error', failed));
    return new RawConnection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on('error', () => {});
    for (const event of ['end', 'close']) socket.on(event, () => (this.#isClosed = true));
  }

  send(bytes: string): void {
    this.#socket.write(Buffer.from(bytes, 'latin1'));
  }

  /** @param method of the request: the answer to HEAD has no body, whatever its length says */
  async next(method: string, msMax: number): Promise<RawAnswer | NoAnswer> {
    const giveUpAt = Date.now() + msMax;
    for (;;) {
      const answer = this.#parse(method);
      if (answer) return answer;
      if (this.#isClosed) return 'closed';
      if (Date.now() > giveUpAt) return 'silent';
      await pause(POLL_MS);
    }
  }

  /** @returns whether the other side ended the connection in time, without another byte */
  async ends(msMax: number): Promise<boolean> {
    const giveUpAt = Date.now() + msMax;
    while (!this.#isClosed && Date.now() < giveUpAt) await pause(POLL_MS);
    return this.#isClosed && this.#received.length === 0;
  }

  close(): void {
    this.#socket.destroy();
  }

  #parse(method: string): RawAnswer | undefined {
    const end = this.#received.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const [statusLine = '', ...lines] = this.#received.toString('latin1', 0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(statusLine)?.[1]);
    if (!status) throw new Error(`not a status line: ${statusLine}`);
    const headers = headersOf(lines);
    const rest = this.#received.subarray(end + HEAD_END.length);
    const hasBody = method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304;
    const framed = hasBody ? this.#body(headers, rest) : { body: '', bytes: 0 };
    if (framed === undefined) return undefined;
    this.#received = rest.subarray(framed.bytes);
    return { status, headers, body: framed.body };
  }

  #body(
    headers: ReadonlyMap<string, string>,
    rest: Buffer,
  ): { body: string; bytes: number } | undefined {
    if (headers.get('transfer-encoding') === 'chunked') return chunkedBody(rest);
    const length = headers.get('content-length');
    // Without a length the body lasts until the end of the connection.
    if (length === undefined)
      return this.#isClosed ? { body: rest.toString(), bytes: rest.length } : undefined;
    const bytes = Number(length);
    return rest.length >= bytes ? { body: rest.toString('utf8', 0, bytes), bytes } : undefined;
  }
}

function headersOf(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    const key = name.toLowerCase();
    const known = headers.get(key);
    headers.set(key, known === undefined ? value : `${known}, ${value}`);
  }
  return headers;
}

function chunkedBody(rest: Buffer): { body: string; bytes: number } | undefined {
  const text = rest.toString('latin1');
  let body = '';
  let at = 0;
  for (;;) {
    const [line, size] = /^([0-9a-fA-F]+)[^\r\n]*\r\n/.exec(text.slice(at)) ?? [];
    if (line === undefined) return undefined;
    const start = at + line.length;
    const bytes = Number.parseInt(size!, 16);
    if (text.length < start + bytes + 2) return undefined;
    if (bytes === 0) return { body, bytes: start + 2 };
    body += text.slice(start, start + bytes);
    at = start + bytes + 2;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

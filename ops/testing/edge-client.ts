/** Requests over TLS, as a client of the edge makes them: whole ones, and raw bytes. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { type Agent, request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';

const ANSWER_MS_MAX = 30_000;

export interface EdgeRequest {
  readonly port: number;
  readonly ca: string;
  readonly method?: string;
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  /** Comes from this address of loopback. */
  readonly from?: string;
  readonly agent?: Agent;
}

export interface EdgeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Rejects when the connection ends without an answer. */
export function edgeRequest(entry: EdgeRequest): Promise<EdgeAnswer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: entry.port,
      ca: entry.ca,
      method: entry.method ?? 'GET',
      path: entry.path,
      headers: entry.headers ?? {},
      timeout: ANSWER_MS_MAX,
      ...(entry.from ? { localAddress: entry.from } : {}),
      agent: entry.agent ?? false,
    };
    const sent = request(options, (answer) => {
      let body = '';
      answer.on('data', (chunk) => (body += chunk));
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
      );
      answer.once('error', reject);
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', reject);
    sent.end(entry.body);
  });
}

/** Sends bytes as they are. @returns what came back until the connection ended */
export function exchangeTls(port: number, ca: string, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca }, () => socket.write(bytes));
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk.toString('latin1'))).on('error', () => {});
    socket.once('close', () => resolve(answer));
  });
}

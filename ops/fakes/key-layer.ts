/**
 * A layer in front of localstripe that adds two features of Stripe: idempotency keys as Stripe
 * documents them (https://docs.stripe.com/api/idempotent_requests): the first answer of a key is
 * replayed, errors too, and other parameters are refused; and the search by metadata, answered
 * from localstripe's list. localstripe keeps all payment state.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** Parameters of today's API that localstripe refuses to know. */
const UNKNOWN_THERE = /^(allowed_payment_method_types\[\d+\]|return_url)$/;

interface Answer {
  readonly status: number;
  readonly body: string;
}

interface Intent {
  readonly metadata: Record<string, string>;
}

export interface KeyLayer {
  readonly url: string;
  /** Requests that reached it, replays included. */
  calls: number;
  /** The next new request with a key is answered so, and nothing is forwarded. */
  failNext: Answer | undefined;
  close(): Promise<void>;
}

export async function startKeyLayer(target: string): Promise<KeyLayer> {
  const first = new Map<string, { readonly parameters: string; answer: Answer | undefined }>();
  const server = createServer((request, response) => {
    layer.calls++;
    void answer(request).then((entry) => send(response, entry));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const layer: KeyLayer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: 0,
    failNext: undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };

  async function answer(request: IncomingMessage): Promise<Answer> {
    const body = await text(request);
    const key = request.headers['idempotency-key'];
    if (request.url!.startsWith('/v1/payment_intents/search')) return search(request);
    if (request.method !== 'POST' || typeof key !== 'string') return forward(request, body);
    const parameters = `${request.url} ${body}`;
    const known = first.get(key);
    if (known && known.parameters !== parameters)
      return refusal(400, 'idempotency_error', 'Keys can only be used with the same parameters.');
    if (known) return known.answer ?? refusal(409, 'idempotency_error', 'in progress');
    const entry: { parameters: string; answer: Answer | undefined } = {
      parameters,
      answer: undefined,
    };
    first.set(key, entry);
    entry.answer = layer.failNext ?? (await forward(request, body));
    layer.failNext = undefined;
    return entry.answer;
  }

  async function forward(request: IncomingMessage, body: string): Promise<Answer> {
    const known = [...new URLSearchParams(body)].filter(([name]) => !UNKNOWN_THERE.test(name));
    const response = await fetch(`${target}${request.url}`, {
      method: request.method!,
      headers: {
        authorization: request.headers.authorization ?? '',
        'content-type': 'application/x-www-form-urlencoded',
      },
      ...(request.method === 'POST' ? { body: new URLSearchParams(known) } : {}),
    });
    return asStripe({ status: response.status, body: await response.text() });
  }

  async function search(request: IncomingMessage): Promise<Answer> {
    const query = new URL(request.url!, target).searchParams.get('query') ?? '';
    const [, name, value] = /^metadata\["(\w+)"\]:"(.*)"$/.exec(query)!;
    const list = await fetch(`${target}/v1/payment_intents?limit=10000`, {
      headers: { authorization: request.headers.authorization ?? '' },
    });
    const { data } = (await list.json()) as { data: Intent[] };
    const found = data.filter((intent) => intent.metadata[name!] === value);
    return { status: 200, body: JSON.stringify({ object: 'search_result', data: found }) };
  }
  return layer;
}

/** localstripe leaves the code of a missing object out. */
function asStripe(answer: Answer): Answer {
  const isMissing = answer.status === 404 && answer.body.includes('"Not Found"');
  if (!isMissing) return answer;
  return refusal(404, 'invalid_request_error', 'No such object', 'resource_missing');
}

function refusal(status: number, type: string, message: string, code?: string): Answer {
  return { status, body: JSON.stringify({ error: { type, code, message } }) };
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

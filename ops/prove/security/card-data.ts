/**
 * Planted card numbers and verification values: refused in everything of a request through the
 * edge that is stored, logged or passed on (path, query, id, body, tracestate), not repeated in the
 * answer, and found nowhere afterwards, also not in nginx's logs. Other headers are dropped. An id that was accepted is searched for in the same way, so that a search that
 * finds nothing means something.
 */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import { hasCardData } from '../../../engine/card-data/card-fields.js';
import { VISA } from '../../testing/checkout-client.js';
import { ClusterSystem } from '../../testing/cluster-system.js';
import { searchEverything } from '../../testing/leak-scan.js';
import type { Proof, Stage } from '../../testing/proof.js';

const NUMBERS = ['4242424242424242', '5555555555554444', '378282246310005', '6205500000000000004'];
const SETTLED_MS_MAX = 30_000;
const MERCHANT = 'alpha';

interface Planting {
  readonly where: string;
  readonly method?: 'GET' | 'POST';
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** It is accepted, as nothing of such a header is stored, logged or passed on. */
  readonly isAccepted?: boolean;
}

export const cardData: Proof = {
  name: 'card-data',
  shows: 'card numbers and CVVs in a request are refused or dropped, and found nowhere afterwards',
  async run(stage: Stage) {
    const system = await ClusterSystem.start();
    const client = new Client(system);
    try {
      const marker = `planted-${randomUUID().slice(0, 8)}`;
      const controls = await payNormally(stage, client, stage.size(20, 200));
      const all = NUMBERS.flatMap((number) => plantings(number, marker));
      for (const planting of all) await plant(stage, client, planting);
      stage.figure('planted / refused without an echo', `${all.length} / ${all.length}`);
      controls.push(...(await payNormally(stage, client, 5)));
      await search(stage, system, marker, controls.at(-1)!);
    } finally {
      await client.close();
      await system.stop();
    }
  },
};

/** One merchant at the edge. */
class Client {
  readonly #agent: Agent;
  readonly #api: string;
  readonly #headers: Record<string, string>;

  constructor(system: ClusterSystem) {
    this.#agent = new Agent({ connect: { ca: system.ca } });
    this.#api = system.endpoints.api;
    this.#headers = system.headersOf(MERCHANT);
  }

  async send(omit: Omit<Planting, 'where'>): Promise<Sent> {
    const { statusCode, headers, body } = await request(`${this.#api}${omit.path ?? '/payments'}`, {
      dispatcher: this.#agent,
      method: omit.method ?? 'POST',
      headers: { ...this.#headers, ...omit.headers },
      body: omit.body ?? null,
    });
    return { status: statusCode, body: await body.text(), headers: JSON.stringify(headers) };
  }

  post(id: string, body: string, headers: Record<string, string> = {}): Promise<Sent> {
    const usual = { 'content-type': 'application/json', 'x-payment-checkout-id': id };
    return this.send({ body, headers: { ...usual, ...headers } });
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

interface Sent {
  readonly status: number;
  readonly body: string;
  readonly headers: string;
}

/** Numbers that only look like cards at first glance must be accepted, and reach every book. */
async function payNormally(stage: Stage, client: Client, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const now = Date.now();
    const id = `control-${randomUUID()}`;
    const order = `${(BigInt(now) - 1_288_834_974_657n) << 22n}`;
    const metadata = { order, at: `${now}`, card_brand: 'visa', last4: '4242' };
    const answer = await client.post(id, JSON.stringify({ ...VISA, metadata }));
    stage.must(answer.status === 202, `a normal payment got ${answer.status}: ${answer.body}`);
    ids.push(id);
  }
  const giveUpAt = Date.now() + SETTLED_MS_MAX;
  for (const id of ids) {
    const read = async (): Promise<string> => {
      const headers = { Prefer: 'wait=2' };
      const { body } = await client.send({ method: 'GET', path: `/payments/${id}`, headers });
      return (JSON.parse(body) as { status: string }).status;
    };
    while ((await read()) !== 'succeeded')
      stage.must(Date.now() < giveUpAt, `${id} did not succeed in time`);
  }
  return ids;
}

/** One number, and a verification value, in every place of a request. */
function plantings(number: string, marker: string): Planting[] {
  const spaced = number.match(/.{1,4}/g)!.join(' ');
  const dashed = number.match(/.{1,4}/g)!.join('-');
  const escaped = [...number].map((text) => `\\u00${text.charCodeAt(0).toString(16)}`).join('');
  const body = (fields: object): string =>
    JSON.stringify({ ...VISA, description: marker, ...fields });
  const bodies: [string, string][] = [
    ...[number, spaced, dashed].flatMap((text): [string, string][] => [
      ['description', body({ description: `${marker} card ${text} exp 12/30` })],
      ['payment_method', body({ payment_method: text.replaceAll(' ', '_') })],
      ['currency', body({ currency: text })],
      ['provider', body({ provider: text })],
      ['payment_checkout_id', body({ payment_checkout_id: text })],
      ['a metadata value', body({ metadata: { note: text } })],
      ['a metadata key', body({ metadata: { [text]: 'x' } })],
      ['an unknown field', body({ card: { number: text } })],
      ['an unknown name', body({ [text]: 1 })],
    ]),
    ['the amount', `{"amount":${number},"currency":"USD","payment_method":"${marker}"}`],
    ['an escaped description', body({}).replace(marker, `${marker} ${escaped}`)],
    ['metadata cvv', body({ metadata: { cvv: '123' } })],
    ['metadata cardCvc', body({ metadata: { cardCvc: '1234' } })],
    ['metadata card_number', body({ metadata: { card_number: 'x' } })],
    ['metadata track2', body({ metadata: { track2: ';x=1' } })],
    ['a field cvv', body({ cvv: '123' })],
    ['a CVV in the description', body({ description: `${marker} cvv: 123` })],
  ];
  const token = `t-${marker}`;
  return [
    ...bodies.map(([where, text]) => ({ where, body: text })),
    { where: 'the id', headers: { 'x-payment-checkout-id': number } },
    { where: 'the id, with dashes', headers: { 'x-payment-checkout-id': dashed } },
    { where: 'a CVV as id', headers: { 'x-payment-checkout-id': 'cvv-123' } },
    { where: 'the query', path: `/payments?card=${number}&t=${token}` },
    { where: 'an encoded query', path: `/payments?q=${encodeURIComponent(spaced)}&t=${token}` },
    { where: 'a CVV in the query', path: `/payments?cvv=123&t=${token}` },
    { where: 'tracestate', headers: { tracestate: `${marker}=${number}` } },
    { where: 'a header', headers: { 'x-note': `${marker} ${spaced}` }, isAccepted: true },
    { where: 'the user agent', headers: { 'user-agent': `${marker}/${number}` }, isAccepted: true },
    { where: 'a header named cvv', headers: { 'x-marker': marker, cvv: '123' }, isAccepted: true },
    { where: 'the path', method: 'GET', path: `/payments/${number}` },
    { where: 'an encoded path', method: 'GET', path: `/payments/${encodeURIComponent(spaced)}` },
    { where: 'a query of a read', method: 'GET', path: `/payments/x?pan=${number}` },
    { where: 'another path', method: 'GET', path: `/cards/${number}` },
  ];
}

/** nginx refuses some by its own checks; then no engine has seen them. */
const OTHER_CODES: Readonly<Record<string, readonly string[]>> = {
  'an encoded path': ['checkout_id_invalid', 'not_found'],
  'another path': ['not_found'],
};

async function plant(stage: Stage, client: Client, planting: Planting): Promise<void> {
  const answer =
    planting.method === 'GET'
      ? await client.send(planting)
      : await client.send({
          ...planting,
          headers: {
            'content-type': 'application/json',
            'x-payment-checkout-id': `planted-${randomUUID()}`,
            ...planting.headers,
          },
          body: planting.body ?? JSON.stringify(VISA),
        });
  if (planting.isAccepted) {
    stage.must(answer.status === 202, `${planting.where}: ${answer.status} ${answer.body}`);
    return;
  }
  const { code } = JSON.parse(answer.body) as { code: string };
  const expected = OTHER_CODES[planting.where] ?? ['card_data_refused'];
  stage.must(expected.includes(code), `${planting.where}: ${answer.status} ${code}`);
  const said = `${answer.body} ${answer.headers} ${decodeURIComponent(answer.body)}`;
  stage.must(!hasCardData(said), `${planting.where}: the answer repeats card data`);
}

async function search(
  stage: Stage,
  system: ClusterSystem,
  marker: string,
  control: string,
): Promise<void> {
  const { books, home } = system;
  const pages = [
    ...books.admins.flatMap((admin) => [`${admin}/metrics`, `${admin}/config`, `${admin}/readyz`]),
    ...books.processorAdmins.flatMap((admin) => [`${admin}/metrics`, `${admin}/dlq`]),
    `${books.simulator}/ledger`,
  ];
  const planted = NUMBERS.flatMap((number) => {
    const groups = number.match(/.{1,4}/g)!;
    return [number, ...[' ', '-', '_', '%20'].map((by) => groups.join(by))];
  });
  const found = await searchEverything({ ...books, home, pages }, [...planted, marker, control]);
  const places = [...(found.get(control) ?? [])];
  for (const kind of CONTROL_KINDS)
    stage.must(
      places.some((place) => place.startsWith(kind)),
      `the search does not see ${kind}, only ${places}`,
    );
  stage.figure('an accepted id was found in', `${places.length} places`);
  found.delete(control);
  const sightings = [...found].flatMap(([word, set]) => [...set].map((at) => `${word} in ${at}`));
  stage.figure('planted words found', sightings.length);
  stage.must(sightings.length === 0, sightings[0] ?? '');
}

/** An accepted id must be seen in each of these, or the search is blind there. */
const CONTROL_KINDS = [
  ...['file cluster/shard-', 'file logs/edge.access.log', 'topic payments.accepted'],
  ...['table public.payments', 'page '],
];

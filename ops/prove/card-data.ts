/**
 * Planted card numbers and verification values: refused wherever they stand in a request, not
 * repeated in the answer, and found nowhere afterwards. A word that was accepted is searched
 * for in the same way, so that a search that finds nothing means something.
 */
import { randomUUID } from 'node:crypto';
import { request } from 'undici';
import { hasCardData } from '../../engine/core/card-fields.js';
import { post, VISA } from '../e2e/checkout-client.js';
import { searchEverything } from './planted.js';
import type { Proof, Stage } from './proof.js';
import { LocalSystem } from './system.js';

const NUMBERS = ['4242424242424242', '5555555555554444', '378282246310005', '6205500000000000004'];
const SETTLED_MS_MAX = 15_000;

interface Planting {
  readonly where: string;
  readonly method?: 'GET' | 'POST';
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

export const cardData: Proof = {
  name: 'card-data',
  shows: 'card numbers and CVVs anywhere in a request are refused and found nowhere afterwards',
  async run(stage: Stage) {
    const system = await LocalSystem.start();
    try {
      const marker = `planted-${randomUUID().slice(0, 8)}`;
      const controls = await payNormally(stage, system, stage.size(20, 200));
      const all = NUMBERS.flatMap((number) => plantings(number, marker));
      for (const it of all) await plant(stage, system, it);
      stage.figure('planted / refused without an echo', `${all.length} / ${all.length}`);
      controls.push(...(await payNormally(stage, system, 5)));
      await search(stage, system, marker, controls);
    } finally {
      await system.stop();
    }
  },
};

/** Numbers that only look like cards at first glance must be accepted, and reach every book. */
async function payNormally(stage: Stage, system: LocalSystem, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const now = Date.now();
    const id = `control-${randomUUID()}`;
    const order = `${(BigInt(now) - 1_288_834_974_657n) << 22n}`;
    const metadata = { order, at: `${now}`, card_brand: 'visa', last4: '4242' };
    const answer = await post(system.endpoints.api, id, { ...VISA, metadata });
    stage.must(answer.status === 202, `a normal payment got ${answer.status}: ${answer.body}`);
    ids.push(id);
  }
  const giveUpAt = Date.now() + SETTLED_MS_MAX;
  for (const id of ids) {
    const read = async (): Promise<string> => {
      const url = `${system.endpoints.api}/payments/${id}`;
      const answer = await fetch(url, { headers: { Prefer: 'wait=2' } });
      return ((await answer.json()) as { status: string }).status;
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
  const escaped = [...number].map((it) => `\\u00${it.charCodeAt(0).toString(16)}`).join('');
  const body = (fields: object): string =>
    JSON.stringify({ ...VISA, description: marker, ...fields });
  const bodies: [string, string][] = [
    ...[number, spaced, dashed].flatMap((it): [string, string][] => [
      ['description', body({ description: `${marker} card ${it} exp 12/30` })],
      ['payment_method', body({ payment_method: it.replaceAll(' ', '_') })],
      ['currency', body({ currency: it })],
      ['provider', body({ provider: it })],
      ['payment_checkout_id', body({ payment_checkout_id: it })],
      ['a metadata value', body({ metadata: { note: it } })],
      ['a metadata key', body({ metadata: { [it]: 'x' } })],
      ['an unknown field', body({ card: { number: it } })],
      ['an unknown name', body({ [it]: 1 })],
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
    ...bodies.map(([where, it]) => ({ where, body: it })),
    { where: 'the id', headers: { 'x-payment-checkout-id': number } },
    { where: 'the id, with dashes', headers: { 'x-payment-checkout-id': dashed } },
    { where: 'a CVV as id', headers: { 'x-payment-checkout-id': 'cvv-123' } },
    { where: 'the query', path: `/payments?card=${number}&t=${token}` },
    { where: 'an encoded query', path: `/payments?q=${encodeURIComponent(spaced)}&t=${token}` },
    { where: 'a CVV in the query', path: `/payments?cvv=123&t=${token}` },
    { where: 'a header', headers: { 'x-note': `${marker} ${spaced}` } },
    { where: 'the user agent', headers: { 'user-agent': `${marker}/${number}` } },
    { where: 'a header named cvv', headers: { 'x-marker': marker, cvv: '123' } },
    { where: 'the path', method: 'GET', path: `/payments/${number}` },
    { where: 'an encoded path', method: 'GET', path: `/payments/${encodeURIComponent(spaced)}` },
    { where: 'a query of a read', method: 'GET', path: `/payments/x?pan=${number}` },
    { where: 'another path', method: 'GET', path: `/cards/${number}` },
  ];
}

async function plant(stage: Stage, system: LocalSystem, it: Planting): Promise<void> {
  const method = it.method ?? 'POST';
  const answer = await request(`${system.endpoints.api}${it.path ?? '/payments'}`, {
    method,
    headers: {
      'content-type': 'application/json',
      'x-payment-checkout-id': `planted-${randomUUID()}`,
      ...it.headers,
    },
    body: method === 'GET' ? null : (it.body ?? JSON.stringify(VISA)),
  });
  const body = await answer.body.text();
  const { code } = JSON.parse(body) as { code: string };
  const expected = it.where === 'another path' ? 'not_found' : 'card_data_refused';
  const isId = it.where === 'an encoded path' && code === 'checkout_id_invalid';
  stage.must(code === expected || isId, `${it.where}: ${answer.statusCode} ${code}`);
  const said = `${body} ${JSON.stringify(answer.headers)} ${decodeURIComponent(body)}`;
  stage.must(!hasCardData(said), `${it.where}: the answer repeats card data`);
}

async function search(
  stage: Stage,
  system: LocalSystem,
  marker: string,
  controls: readonly string[],
): Promise<void> {
  const { kafka, postgres, admin, processorAdmin, simulator } = system.endpoints;
  const pages = [
    ...[`${admin}/metrics`, `${admin}/config`, `${admin}/readyz`, `${processorAdmin}/metrics`],
    ...[`${processorAdmin}/dlq`, `${simulator}/ledger`],
  ];
  const planted = NUMBERS.flatMap((it) => {
    const groups = it.match(/.{1,4}/g)!;
    return [it, groups.join(' '), groups.join('-'), groups.join('_'), groups.join('%20')];
  });
  const control = controls.at(-1)!;
  const { home, partitions } = system;
  const found = await searchEverything({ home, kafka, partitions, shards: 1, postgres, pages }, [
    ...[...planted, marker, control],
  ]);
  const places = [...(found.get(control) ?? [])];
  const kinds = ['file data/shard-0/', 'topic payments.accepted', 'table public.payments', 'page '];
  for (const kind of kinds)
    stage.must(
      places.some((it) => it.startsWith(kind)),
      `the search does not see ${kind}`,
    );
  stage.figure('an accepted id was found in', `${places.length} places`);
  found.delete(control);
  const sightings = [...found].flatMap(([word, it]) =>
    [...it].map((place) => `${word} in ${place}`),
  );
  stage.figure('planted words found', sightings.length);
  stage.must(sightings.length === 0, sightings[0] ?? '');
}

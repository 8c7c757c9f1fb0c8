import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { processorConfig } from '../../../engine/config/config.js';
import { settlementSources } from '../settings.js';

/** As Stripe documents it, by hand: no recording. */
function transaction(n: number, more: object = {}, source: object = {}): object {
  return {
    id: `txn_${n}`,
    object: 'balance_transaction',
    type: 'charge',
    currency: 'usd',
    amount: 2_000,
    fee: 88,
    created: 1_800_000_000 + n,
    source: {
      id: `ch_${n}`,
      object: 'charge',
      amount: 2_000,
      currency: 'usd',
      payment_intent: `pi_${n}`,
      metadata: { merchant: 'shop', checkout_id: `order-${n}` },
      ...source,
    },
    ...more,
  };
}

function dispute(n: number, more: object): object {
  const source = { id: 'du_2', object: 'dispute', charge: 'ch_2', payment_intent: 'pi_2' };
  return transaction(n, { type: 'adjustment', ...more }, { ...source, metadata: {} });
}

describe('balance transactions of Stripe', () => {
  const all = [
    ...Array.from({ length: 150 }, (_, n) => transaction(n)),
    transaction(150, { type: 'payout', source: null }),
    transaction(
      151,
      { type: 'refund', amount: -500, fee: 0 },
      {
        id: 're_1',
        object: 'refund',
        charge: 'ch_1',
        amount: 500,
        payment_intent: 'pi_1',
        metadata: {},
      },
    ),
    transaction(
      154,
      { type: 'refund_failure', amount: 500, fee: 0 },
      {
        id: 're_1',
        object: 'refund',
        charge: 'ch_1',
        amount: 500,
        payment_intent: 'pi_1',
        metadata: {},
      },
    ),
    dispute(155, { reporting_category: 'dispute', amount: -2_000, fee: 1_500 }),
    dispute(156, { reporting_category: 'dispute_reversal', amount: 2_000, fee: 0 }),
    dispute(157, { currency: 'eur', reporting_category: 'dispute', amount: -1_900, fee: 1_400 }),
    // Not of a payment.
    transaction(158, { type: 'adjustment', amount: -50 }, { object: 'topup' }),
    // Stripe counts two decimals where ISO 4217 has none.
    transaction(152, { currency: 'isk', fee: 1_000 }, { amount: 50_000, currency: 'isk' }),
    transaction(153, { fee: 90 }, { amount: 1_900, currency: 'eur' }),
  ] as { id: string }[];
  const asked: URL[] = [];
  let server: Server;

  before(async () => {
    server = createServer((request, response) => {
      const url = new URL(request.url!, 'http://stripe');
      asked.push(url);
      const after = url.searchParams.get('starting_after');
      const start = after === null ? 0 : all.findIndex((entry) => entry.id === after) + 1;
      const data = all.slice(start, start + Number(url.searchParams.get('limit')));
      const has_more = start + data.length < all.length;
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ object: 'list', url: url.pathname, data, has_more }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('should become a report, page by page, in minor units of ISO 4217', async () => {
    const { port } = server.address() as AddressInfo;
    const config = processorConfig({
      TOLLGATE_STRIPE_KEY: 'sk_test_none',
      TOLLGATE_STRIPE_RETURN_URL: 'https://shop.example/back',
      TOLLGATE_STRIPE_URL: `http://127.0.0.1:${port}`,
    });
    const source = (await settlementSources(config)).find(
      (settlementSource) => settlementSource.provider === 'stripe',
    )!;
    const from = new Date('2027-01-15T00:00:00Z');
    const period = {
      kind: 'daily',
      label: '2027-01-15',
      from,
      until: new Date(+from + 86_400_000),
    };
    const [report] = await source.reports({ ...period, kind: 'daily' }, from);
    assert.equal(report!.name, '2027-01-15.csv');
    let text = '';
    for await (const chunk of await report!.open()) text += chunk;
    const lines = text.trim().split('\n');
    assert.equal(lines.length, 1 + 157);
    assert.equal(lines[1], 'pi_0,shop,order-0,charge,2000,USD,88,,,,2027-01-15T08:00:00.000Z');
    assert.match(lines[151]!, /^pi_1,,,refund,-500,USD,0,re_1,,,/);
    assert.match(lines[152]!, /^pi_1,,,refund,500,USD,0,re_1\/failed,,/);
    assert.match(lines[153]!, /^pi_2,,,dispute,-2000,USD,1500,,du_2,,/);
    assert.match(lines[154]!, /^pi_2,,,dispute,2000,USD,0,,du_2,,/);
    assert.match(lines[155]!, /^pi_2,,,dispute,-2000,USD,,,du_2,EUR,/);
    assert.match(lines[156]!, /^pi_152,shop,order-152,charge,500,ISK,10,,/);
    // Paid out in another currency than the payment's: no fee of the payment's currency.
    assert.match(lines[157]!, /^pi_153,shop,order-153,charge,1900,EUR,,,,USD,/);
    assert.equal(asked.length, 2);
    assert.equal(asked[0]!.searchParams.get('created[gte]'), `${+from / 1_000}`);
    assert.equal(asked[0]!.searchParams.get('created[lt]'), `${+from / 1_000 + 86_400}`);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseEvent } from './event-json.js';
import { masked } from './mask-body.js';

const CARD = '4242424242424242';

function keep(event: object): string {
  return masked(Buffer.from(JSON.stringify(event)), event).toString('utf8');
}

describe('the JSON of a webhook', () => {
  it('should be refused where a processor could not read it: a byte order mark, no UTF-8', () => {
    const body = Buffer.from('{"id":"evt_1"}');
    assert.deepEqual(parseEvent(body), { id: 'evt_1' });
    for (const mark of [[0xef, 0xbb, 0xbf], [0xff, 0xfe], [0xc3]])
      assert.equal(parseEvent(Buffer.concat([Buffer.from(mark), body])), undefined);
  });
});

describe('a webhook as it is kept', () => {
  it('should keep the names by which a payment is found, whatever digits they have', () => {
    const simulator = {
      id: `evt_${CARD}`,
      data: { merchant: `m${CARD}`, checkout_id: `c-${CARD}`, reference: `ch_${CARD}` },
    };
    assert.deepEqual(JSON.parse(keep(simulator)), simulator);
    const metadata = {
      merchant: 'default',
      checkout_id: `order-${CARD}`,
      tollgate_key: `k/${CARD}`,
    };
    const object = {
      id: `pi_${CARD}`,
      charge: `ch_${CARD}`,
      payment_intent: `pi_${CARD}`,
      metadata,
    };
    const stripe = { id: 'evt_1', data: { object } };
    assert.deepEqual(JSON.parse(keep(stripe)), stripe);
  });

  it('should keep no card number, also where a name is expected', () => {
    const said = keep({
      id: 'evt_1',
      data: { reference: CARD, number: CARD, note: `card ${CARD}`, merchant: `m${CARD}` },
    });
    assert.ok(said.includes(`"m${CARD}"`));
    assert.equal(said.split(CARD).length, 2, said);
  });

  it('should keep the parsed tree, so that no name given twice and no escape hides anything', () => {
    for (const text of [
      '{"id":"evt_1","cvc":"737","cvc":null}',
      '{"id":"evt_1","c\\u0076c":"737","cvc":null}',
      `{"id":"evt_1","a":"\\u00342424242424242","a":1}`,
      `{"id":"evt_1","a":"${CARD}","a":1}`,
      '{"id":"evt_1","a":"\\u0034\\u0032424242\\u003424242\\u0034\\u0032"}',
      '{"id":"evt_1","c\\u0076c":"737"}',
    ]) {
      const body = Buffer.from(text.replaceAll('\\\\', '\\'));
      const kept = masked(body, JSON.parse(body.toString())).toString('utf8');
      assert.doesNotMatch(kept, /737|424242424242|\\u/, kept);
      assert.equal(JSON.parse(kept).id, 'evt_1');
      assert.equal(kept, JSON.stringify(JSON.parse(kept)));
    }
  });
});

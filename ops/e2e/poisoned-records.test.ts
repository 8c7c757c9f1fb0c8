import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import {
  checkoutAccepted,
  deadLetter,
  retryTicket,
  webhookReceived,
} from '../../engine/codec/records.js';
import { retryTopic, TOPICS } from '../../engine/domain/topics.js';
import type { Sender } from '../../workers/outbox/kafka-producer.js';
import { adminHeaders } from '../client/admin-headers.js';
import { openLetters } from '../prove/providers/dead-letters.js';
import { chargesOf } from '../testing/charges.js';
import { get, post } from '../testing/checkout-client.js';
import { openSender } from '../testing/open-producer.js';
import { LocalSystem, until } from '../testing/system.js';

/**
 * Stands for any fault in the handling of one record: Postgres itself raises an error of a class
 * that the processor does not know. `poison-insert` fails before its intent, `poison-outcome`
 * after its charge, `evt_poison` when its verdict is written.
 */
const POISON = `
create function poison() returns trigger language plpgsql as $$
begin
  raise exception 'poisoned' using errcode = 'P0001';
end $$;
create trigger poison_insert before insert on payments for each row
  when (new.checkout_id = 'poison-insert') execute function poison();
create trigger poison_outcome before update on payments for each row
  when (new.checkout_id = 'poison-outcome' and new.status = 'succeeded') execute function poison();
create trigger poison_event before insert on webhook_events for each row
  when (new.event_id = 'evt_poison') execute function poison();`;
const CURE = `
drop trigger poison_insert on payments;
drop trigger poison_outcome on payments;
drop trigger poison_event on webhook_events;`;

describe('poisoned records between good ones', { timeout: 180_000 }, () => {
  let system: LocalSystem;
  let sender: Sender;
  let db: pg.Client;
  let pid: number;

  before(async () => {
    // A claim that failed comes up again after twice this and 10 s.
    system = await LocalSystem.start({ settings: { TOLLGATE_PSP_TIMEOUT_MS: '500' } });
    sender = openSender(system.endpoints.kafka);
    db = new pg.Client(system.adminPostgres);
    await db.connect();
    await db.query(POISON);
    pid = system.endpoints.pids.processor!;
  });
  after(async () => {
    await db?.end();
    await sender?.close();
    await system?.stop();
  });

  const send = (topic: string, key: string, values: readonly Buffer[]) =>
    sender.send(values.map((value) => ({ topic, partition: null, key: Buffer.from(key), value })));
  const succeeded = (id: string) => async (): Promise<boolean> =>
    (await get(system.endpoints.api, id)).body.includes('"status":"succeeded","amount"');
  const goods = async (ids: readonly string[]): Promise<void> => {
    for (const id of ids) await post(system.endpoints.api, id);
    for (const id of ids) await until(`${id} succeeds`, 20_000, succeeded(id));
  };

  it('should cost themselves only, whichever topic they stand in', async () => {
    const { api } = system.endpoints;
    await goods(['before-1', 'before-2']);
    const checkout = { merchant: 'default', amount: 5, currency: 'USD', provider: 'auto' };
    const accepted = (id: string, changes: object): Buffer =>
      checkoutAccepted.encode({
        ...{ ...checkout, checkout_id: id, fingerprint: Buffer.alloc(32, 9), shard: 0 },
        ...{ accepted_at: Date.now(), payment_method: 'pm_card_visa' },
        ...{ description: null, metadata: {}, ...changes },
      });
    const long = 'x'.repeat(9_000) + Math.random();
    const odd = [Buffer.alloc(0), Buffer.from('no avro'), accepted('zero', { amount: 0 })];
    odd.push(accepted(long, {}), accepted('nul\0nul', {}), accepted('far', { accepted_at: 9e15 }));
    await send(TOPICS.accepted, 'default/odd', odd);
    // Its status belongs to a partition that does not exist.
    await send(TOPICS.accepted, 'default/nowhere', [accepted('nowhere', { shard: 4_000 })]);
    await post(api, 'poison-insert');
    await post(api, 'poison-outcome');

    const webhook = (event: string, body: unknown): Buffer =>
      webhookReceived.encode({
        ...{ provider: 'simulator', event_id: event, shard: 0, received_at: Date.now() },
        ...{ merchant: 'default', checkout_id: 'before-1' },
        body: Buffer.from(JSON.stringify(body)),
      });
    const claim = (status: unknown) => ({
      type: 'charge.x',
      data: { reference: 'ch_x', status, amount: 1999, currency: 'USD' },
    });
    const bodies = [null, [], 'text', claim('requires_action'), claim({}), { type: 5, data: [] }];
    const events = bodies.map((body, i) => webhook(`evt_odd_${i}`, body));
    await send(TOPICS.webhooks, 'default/before-1', [Buffer.from([1, 2]), ...events]);
    await send(TOPICS.webhooks, 'default/before-2', [webhook('evt_poison', { type: 'x' })]);

    const ticket = {
      ...{ merchant: 'default', checkout_id: 'before-1', asks: 0, provider: 'simulator' },
      ...{ never_sent: false, accepted_at: Date.now(), waiting_since: null, reason: 'x' },
    };
    const past = { due_at: 0, sweep_at: 1 };
    const tickets = [
      retryTicket.encode({ ...ticket, ...past, merchant: '\0' }),
      retryTicket.encode({ ...ticket, ...past, provider: '__proto__' }),
      Buffer.concat([retryTicket.header, Buffer.from([7])]),
    ];
    await send(retryTopic('5s'), 'default/before-1', tickets);
    await send(TOPICS.dlq, 'default/odd', [
      Buffer.concat([deadLetter.header, Buffer.from([7])]),
      deadLetter.encode({
        ...{ reason: 'odd', detail: '', attempts: 1, at: 0, source_topic: 'payments.x' },
        ...{ source_partition: 0, source_offset: 0, key: null, value: tickets[0]! },
      }),
    ]);

    await goods(Array.from({ length: 32 }, (_, i) => `between-${i}`));
    const isThere = async (key: string, reason: string): Promise<boolean> =>
      (await openLetters(system)).some((letter) => letter.key === key && letter.reason === reason);
    await until('the webhook is a dead letter', 60_000, () =>
      isThere('default/before-2', 'internal_error'),
    );
    await until('the checkout without a row is a dead letter', 60_000, async () =>
      isThere('default/poison-insert', 'internal_error'),
    );
    // Good ones go on: it fails alone.
    let n = 0;
    await until('the payment reads so', 90_000, async () => {
      await post(api, `meanwhile-${n++}`);
      const { body } = await get(api, 'poison-outcome');
      return body.includes('"status":"processing"') && body.includes('dead_letter: internal_error');
    });
    await goods(['after-1', 'after-2']);
    assert.equal(system.endpoints.pids.processor, pid, 'the processor has ended');
    assert.ok((await system.metric('processorAdmin', 'outbox_parked')) >= 1);
    const log = readFileSync(join(system.home, 'logs', 'processor.log'), 'utf8');
    const line = log
      .split('\n')
      .find((text) => text.includes('an exception') && text.includes('poison-outcome'));
    assert.match(line ?? '', /"stack":"[^"]*poisoned/);
  });

  it('should go on once the cause is gone and they are redriven: captured once', async () => {
    await db.query(CURE);
    const { processorAdmin, simulator, adminTokenFile } = system.endpoints;
    const redrive = (body: object): Promise<Response> =>
      fetch(`${processorAdmin}/dlq/redrive`, {
        method: 'POST',
        headers: {
          ...adminHeaders(adminTokenFile, 'operator'),
          'Content-Type': 'application/json',
        },
        body: JSON.stringify(body),
      });
    for (const entry of [{}, { actor: 'ann', note: 'no letter is named' }, { reasons: 'x' }])
      assert.equal((await redrive(entry)).status, 400, JSON.stringify(entry));
    const response = await redrive({ reason: 'internal_error' });
    assert.equal(response.status, 200, await response.text());
    for (const id of ['poison-outcome', 'poison-insert']) {
      await until(`${id} succeeds`, 30_000, succeeded(id));
      const charges = await chargesOf(simulator, id);
      assert.equal(charges.filter((charge) => charge.status === 'captured').length, 1, id);
    }
  });
});

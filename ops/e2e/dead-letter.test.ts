import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkoutAccepted } from '../../engine/codec/records.js';
import { TOPICS } from '../../engine/domain/topics.js';
import { adminHeaders } from '../client/admin-headers.js';
import { get, post } from '../testing/checkout-client.js';
import { openSender } from '../testing/open-producer.js';
import { LocalSystem, until } from '../testing/system.js';

it('should put what cannot be worked off into the dead-letter topic, and go on', {
  timeout: 120_000,
}, async () => {
  const system = await LocalSystem.start();
  const sender = openSender(system.endpoints.kafka);
  try {
    const { api, processorAdmin, adminTokenFile } = system.endpoints;
    await post(api, 'taken');
    const record = (id: string, paymentMethod: string) =>
      checkoutAccepted.encode({
        fingerprint: Buffer.alloc(32, 9),
        shard: 0,
        accepted_at: Date.now(),
        merchant: 'default',
        checkout_id: id,
        amount: 5,
        currency: 'USD',
        payment_method: paymentMethod,
        provider: 'auto',
        description: null,
        metadata: {},
      });
    await until('the first is known', 20_000, async () =>
      (await get(api, 'taken')).body.includes('succeeded'),
    );
    const values: [string, Buffer][] = [
      ['garbage', Buffer.from('no avro')],
      ['poison', record('poison', 'a\0b')],
    ];
    await sender.send(
      values.map(([id, value]) => ({
        topic: TOPICS.accepted,
        partition: 0,
        key: Buffer.from(`default/${id}`),
        value,
      })),
    );
    const reasons = async (): Promise<string[]> => {
      const page = await (
        await fetch(`${processorAdmin}/dlq`, { headers: adminHeaders(adminTokenFile, 'viewer') })
      ).json();
      return (page as { dead_letters: { reason: string }[] }).dead_letters.map(
        (letter) => letter.reason,
      );
    };
    await until('both are dead letters', 20_000, async () => (await reasons()).length === 2);
    assert.deepEqual((await reasons()).sort(), ['refused_by_database', 'undecodable']);
    await post(api, 'next');
    await until('the next payment goes through', 20_000, async () =>
      (await get(api, 'next')).body.includes('succeeded'),
    );
  } finally {
    await sender.close();
    await system.stop();
  }
});

/** The same id again, in every way: one acceptance, one answer, one charge. */

import { capturedCharges } from '../../testing/audit.js';
import { post, VISA } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';

const COPIES = 200;

export const idempotency: Proof = {
  name: 'idempotency',
  shows: 'an id again gives the same bytes, another body 422, 200 copies at once one charge',
  async run(stage: Stage) {
    const system = await LocalSystem.start();
    try {
      const { api } = system.endpoints;
      const first = await post(api, 'again');
      const reordered = '{ "payment_method":"pm_card_visa", "currency":"USD",\n"amount":1999.0 }';
      const second = await post(api, 'again', reordered);
      stage.must(first.status === 202 && !first.headers.has('Idempotent-Replayed'), 'the first');
      stage.must(second.body === first.body, 'the second answer has other bytes');
      stage.must(second.headers.get('Idempotent-Replayed') === 'true', 'the second is no replay');
      const other = await post(api, 'again', { ...VISA, amount: 2000 });
      stage.must(other.status === 422, `another body was answered ${other.status}`);
      const copies = await Promise.all(Array.from({ length: COPIES }, () => post(api, 'copies')));
      const originals = copies.filter((copy) => !copy.headers.has('Idempotent-Replayed')).length;
      const bodies = new Set(copies.map((copy) => copy.body)).size;
      stage.figure(
        'copies / without replay header / bodies',
        `${COPIES} / ${originals} / ${bodies}`,
      );
      stage.must(originals === 1 && bodies === 1, 'the copies differ');
      await until(
        'both are charged',
        20_000,
        async () => (await capturedCharges(system)).size === 2,
      );
      const charges = [...(await capturedCharges(system)).values()];
      stage.figure('charges', charges.join(' '));
      stage.must(
        charges.every((charge) => charge === 1),
        'charged twice',
      );
    } finally {
      await system.stop();
    }
  },
};

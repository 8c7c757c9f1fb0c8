/** One payment from curl to Postgres, with its traces in every book. */
import { randomUUID } from 'node:crypto';
import { query } from '../../testing/audit.js';
import { post } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';

const SUCCEEDED_MS_MAX = 2_000;

export const firstPayment: Proof = {
  name: 'first-payment',
  shows: 'a posted checkout is pending at once and succeeded within 2 s, in every book once',
  async run(stage: Stage) {
    const since = Date.now();
    const system = await LocalSystem.start();
    stage.figure('start', `${((Date.now() - since) / 1_000).toFixed(1)} s`);
    try {
      // The first payment after a start waits for Kafka's group; users meet the second.
      for (const id of [`warm-${randomUUID()}`, `first-${randomUUID()}`]) {
        const posted = Date.now();
        const { api } = system.endpoints;
        const answer = await post(api, id);
        stage.must(answer.status === 202, `POST answered ${answer.status}`);
        stage.must(JSON.parse(answer.body).status === 'pending', 'the 202 is not pending');
        let status = '';
        while (status !== 'succeeded' && Date.now() - posted < 10_000) {
          const prefer = { Prefer: 'wait=2' };
          const response = await fetch(`${api}/payments/${id}`, { headers: prefer });
          ({ status } = (await response.json()) as { status: string });
        }
        const ms = Date.now() - posted;
        stage.figure(`POST to succeeded (${id.split('-')[0]})`, `${ms} ms`);
        if (id.startsWith('first'))
          stage.must(status === 'succeeded' && ms < SUCCEEDED_MS_MAX, `${status} after ${ms} ms`);
        if (id.startsWith('first')) await checkBooks(stage, system, id);
      }
    } finally {
      stage.figure('stop', `${(await system.stop()).toFixed(1)} s`);
    }
  },
};

async function checkBooks(stage: Stage, system: LocalSystem, id: string): Promise<void> {
  const [counts] = await query<Record<string, string>>(
    system,
    `select (select count(*) from payments where checkout_id = '${id}') as payments,
      (select string_agg(status, ' ' order by version) from payment_events
        where checkout_id = '${id}') as events,
      (select count(*) from psp_calls where checkout_id = '${id}' and outcome = 'approved'
        and request is not null and response is not null) as calls,
      (select count(*) from ledger_entries where checkout_id = '${id}') as entries`,
  );
  const { simulator } = system.endpoints;
  const page = await (await fetch(`${simulator}/ledger?checkout_id=${id}`)).json();
  const { charges } = page as { charges: { status: string }[] };
  stage.figure('payments / events / calls / entries', Object.values(counts!).join(' / '));
  stage.figure('charges', charges.map((charge) => charge.status).join(' '));
  stage.must(`${counts!['payments']}` === '1', 'not one row');
  stage.must(
    counts!['events'] === 'processing succeeded',
    'the events are not processing, succeeded',
  );
  stage.must(`${counts!['calls']}` === '1', 'not one call');
  stage.must(`${counts!['entries']}` === '2', 'not two ledger entries');
  stage.must(charges.length === 1 && charges[0]?.status === 'captured', 'not one captured charge');
}

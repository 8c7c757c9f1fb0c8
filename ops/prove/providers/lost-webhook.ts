/** Webhooks that never come: every such payment is finished by asking, within a stated time. */
import { runLoad } from '../../load/load.js';
import { query } from '../../testing/audit.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { setFaults, webhookCounts } from '../../testing/simulator-client.js';
import { LocalSystem } from '../../testing/system.js';

/**
 * Asks come 2, 4, 8 … seconds after the answer that left it open, so the first ask after the
 * provider has finished is at most as far away as the time that has passed by then.
 */
const FINISHED_MS_MAX = 10_000;
const TOKENS = ['pm_webhook_lost', 'pm_webhook_only', 'pm_webhook_twice', 'pm_requires_action'];

export const lostWebhook: Proof = {
  name: 'lost-webhook',
  shows: 'payments whose webhook is lost are finished by asking the provider, within 10 s',
  async run(stage: Stage) {
    const system = await LocalSystem.start();
    try {
      await setFaults(system, { webhook_drop_rate: 1 });
      const count = stage.size(100, 2_000);
      const acceptedAt = new Map<string, number>();
      const tokenOf = (id: string): string => TOKENS[Number(id.split('-')[1]) % TOKENS.length]!;
      const result = await runLoad({
        api: system.endpoints.api,
        count,
        ratePerSecond: 200,
        idOf: (n) => `lost-${n}`,
        body: (id) => ({ amount: 700, currency: 'EUR', payment_method: tokenOf(id) }),
        settleMsMax: 60_000,
        onAccepted: (id) => acceptedAt.set(id, Date.now()),
      });
      const succeeded = [...result.statuses.values()].filter(
        (status) => status === 'succeeded',
      ).length;
      stage.figure('payments / succeeded', `${count} / ${succeeded}`);
      stage.must(succeeded === count, `${count - succeeded} did not succeed`);
      const { delivered } = await webhookCounts(system);
      stage.figure('webhooks that came', delivered);
      stage.must(delivered === 0, 'a webhook came: nothing is shown');
      await mustBeInTime(stage, system);
    } finally {
      await system.stop();
    }
  },
};

async function mustBeInTime(stage: Stage, system: LocalSystem): Promise<void> {
  const rows = await query<{ token: string; n: string; slowest: number; sources: string }>(
    system,
    `select p.payment_method as token, count(*) as n, string_agg(distinct e.source, ' ') as sources,
      max(extract(epoch from e.at - p.accepted_at) * 1000)::float8 as slowest
     from payments p join payment_events e using (merchant, checkout_id, version)
     where p.status = 'succeeded' group by 1 order by 1`,
  );
  for (const { token, n, slowest, sources } of rows) {
    stage.figure(`${token}: ${n}, by`, `${sources}; the slowest after ${Math.round(slowest)} ms`);
    stage.must(slowest <= FINISHED_MS_MAX, `${token} took ${Math.round(slowest)} ms`);
    stage.must(!sources.includes('webhook'), `${token} was finished by a webhook`);
  }
}

/** What the cases of prove-rebirth share: payments in, all of them to an end, one capture each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { capturedCharges } from '../../testing/audit.js';
import { get, post } from '../../testing/checkout-client.js';
import type { Stage } from '../../testing/proof.js';
import { type LocalSystem, until } from '../../testing/system.js';

const AT_ONCE = 20;
const ACCEPT_MS_MAX = 60_000;

/** Accepts `count` payments; retries while the API is not there. @returns their answers by id */
export async function acceptAll(
  system: LocalSystem,
  prefix: string,
  count: number,
): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  const ids = Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
  await inGroups(ids, async (id) => {
    const giveUpAt = Date.now() + ACCEPT_MS_MAX;
    for (;;) {
      const answer = await post(system.endpoints.api, id).catch(() => undefined);
      if (answer?.status === 202) return void answers.set(id, answer.body);
      const isRefused = answer !== undefined && answer.status !== 503;
      if (isRefused || Date.now() > giveUpAt)
        throw new Error(`${id} is not accepted: ${answer?.body ?? 'no answer'}`);
      await sleep(100);
    }
  });
  return answers;
}

/** @returns seconds until GET says `succeeded` for all */
export async function untilAllSucceeded(
  system: LocalSystem,
  ids: Iterable<string>,
  what: string,
  msMax = 90_000,
): Promise<string> {
  const since = Date.now();
  const open = new Set(ids);
  await until(`${what}: all succeeded`, msMax, async () => {
    await inGroups([...open], async (id) => {
      const answer = await get(system.endpoints.api, id).catch(() => undefined);
      if (answer?.status !== 200) return;
      if ((JSON.parse(answer.body) as { status: string }).status === 'succeeded') open.delete(id);
    });
    return open.size === 0;
  });
  return ((Date.now() - since) / 1_000).toFixed(1);
}

/** One capture each, by the provider's ledger. */
export async function auditOutcomesOf(
  stage: Stage,
  system: LocalSystem,
  accepted: readonly string[],
): Promise<void> {
  const captured = await capturedCharges(system);
  const twice = [...captured.values()].filter((count) => count > 1).length;
  stage.figure('accepted / captured / twice', `${accepted.length} / ${captured.size} / ${twice}`);
  stage.must(captured.size === accepted.length, 'captured is not what was accepted');
  stage.must(twice === 0, `${twice} were captured twice`);
}

async function inGroups(ids: readonly string[], work: (id: string) => Promise<void>) {
  for (let i = 0; i < ids.length; i += AT_ONCE)
    await Promise.all(ids.slice(i, i + AT_ONCE).map(work));
}

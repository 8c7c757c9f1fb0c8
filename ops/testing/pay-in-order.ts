/** A few payments, each waited for: what proofs do that are about something else. */
import { get, post, VISA } from './checkout-client.js';
import { until } from './system.js';

const OUTCOME_MS_MAX = 60_000;

/** @returns the ids: `<prefix>-<n>` */
export async function payInOrder(
  api: string,
  prefix: string,
  count: number,
  body: object = VISA,
): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, n) => `${prefix}-${n}`);
  for (const id of ids) await post(api, id, body);
  for (const id of ids)
    await until(`${id} succeeds`, OUTCOME_MS_MAX, async () =>
      (await get(api, id)).body.includes('"status":"succeeded"'),
    );
  return ids;
}

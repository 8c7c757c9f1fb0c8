/** All proofs by name, and how one is run. */

import { badInput } from './bad-input.js';
import { cardData } from './card-data.js';
import { chaos } from './chaos.js';
import { damage } from './damage.js';
import { firstPayment } from './first-payment.js';
import { fullRing } from './full-ring.js';
import { idempotency } from './idempotency.js';
import { killEngine, killProcessor } from './kill.js';
import { lostDisk } from './lost-disk.js';
import { lostWebhook } from './lost-webhook.js';
import { mtls } from './mtls.js';
import { order } from './order.js';
import { outage } from './outage.js';
import { type Proof, Stage } from './proof.js';
import { rate } from './rate.js';
import { webhooks } from './webhooks.js';

export const PROOFS: readonly Proof[] = [
  firstPayment,
  rate,
  idempotency,
  killEngine,
  killProcessor,
  outage,
  damage,
  fullRing,
  badInput,
  order,
  lostDisk,
  mtls,
  webhooks,
  lostWebhook,
  chaos,
  cardData,
];

/** @returns undefined when the promise holds, else why not */
export async function prove(
  proof: Proof,
  isShort: boolean,
  print: (line: string) => void,
): Promise<string | undefined> {
  const since = Date.now();
  print(`prove-${proof.name}: ${proof.shows}`);
  let problem: string | undefined;
  try {
    await proof.run(new Stage(isShort, print));
  } catch (error) {
    problem = (error as Error).message;
  }
  const seconds = ((Date.now() - since) / 1_000).toFixed(0);
  print(
    `prove-${proof.name}: ${problem === undefined ? 'HOLDS' : `BROKEN: ${problem}`} (${seconds} s)`,
  );
  return problem;
}

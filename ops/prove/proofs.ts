/** All proofs by name, and how one is run. */

import { absent } from './absent.js';
import { badInput } from './bad-input.js';
import { cardData } from './card-data.js';
import { chaos } from './chaos.js';
import { checksum } from './checksum.js';
import { clocks } from './clocks.js';
import { cluster } from './cluster.js';
import { conflict } from './conflict.js';
import { damage } from './damage.js';
import { deadLetters } from './dead-letters.js';
import { edgeChecksum } from './edge-checksum.js';
import { edgeTls } from './edge-tls.js';
import { firstPayment } from './first-payment.js';
import { foreignAnswers } from './foreign-answers.js';
import { fullRing } from './full-ring.js';
import { fuzz } from './fuzz.js';
import { grow } from './grow.js';
import { growth } from './growth.js';
import { hostile } from './hostile.js';
import { http } from './http.js';
import { idempotency } from './idempotency.js';
import { infrastructure } from './infrastructure.js';
import { killEngine, killProcessor } from './kill.js';
import { killBetween } from './kill-between.js';
import { killShard } from './kill-shard.js';
import { locks } from './locks.js';
import { lostDisk } from './lost-disk.js';
import { lostWebhook } from './lost-webhook.js';
import { mtls } from './mtls.js';
import { oddMachines } from './odd-machines.js';
import { order } from './order.js';
import { outage } from './outage.js';
import { postgresReborn } from './postgres-reborn.js';
import { type Proof, Stage } from './proof.js';
import { providerDown } from './provider-down.js';
import { providers } from './providers.js';
import { rate } from './rate.js';
import { rateLimit } from './rate-limit.js';
import { rebirth } from './rebirth.js';
import { reconcileCalendar } from './reconcile-calendar.js';
import { reconcileDay } from './reconcile-day.js';
import { reconcileKill } from './reconcile-kill.js';
import { reconcileMonth } from './reconcile-month.js';
import { roles } from './roles.js';
import { signals } from './signals.js';
import { tokens } from './tokens.js';
import { twoHomes } from './two-homes.js';
import { unkindProvider } from './unkind-provider.js';
import { walk } from './walk.js';
import { webhooks } from './webhooks.js';

export const PROOFS: readonly Proof[] = [
  firstPayment,
  rate,
  idempotency,
  killEngine,
  killProcessor,
  outage,
  absent,
  signals,
  damage,
  fullRing,
  badInput,
  http,
  fuzz,
  order,
  lostDisk,
  conflict,
  postgresReborn,
  grow,
  mtls,
  cluster,
  edgeTls,
  hostile,
  killShard,
  rateLimit,
  edgeChecksum,
  checksum,
  webhooks,
  lostWebhook,
  chaos,
  cardData,
  roles,
  locks,
  twoHomes,
  walk,
  oddMachines,
  tokens,
  deadLetters,
  unkindProvider,
  clocks,
  foreignAnswers,
  providerDown,
  killBetween,
  infrastructure,
  providers,
  rebirth,
  reconcileMonth,
  reconcileKill,
  reconcileCalendar,
  reconcileDay,
  growth,
];

/** @returns undefined when the promise holds, else why not */
export async function prove(
  proof: Proof,
  isShort: boolean,
  print: (line: string) => void,
  seed?: string,
): Promise<string | undefined> {
  const since = Date.now();
  print(`prove-${proof.name}: ${proof.shows}`);
  let problem: string | undefined;
  try {
    await proof.run(new Stage(isShort, print, seed));
  } catch (error) {
    problem = (error as Error).message;
  }
  const seconds = ((Date.now() - since) / 1_000).toFixed(0);
  print(
    `prove-${proof.name}: ${problem === undefined ? 'HOLDS' : `BROKEN: ${problem}`} (${seconds} s)`,
  );
  return problem;
}

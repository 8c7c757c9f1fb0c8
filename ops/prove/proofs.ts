/** All proofs by name, and how one is run. */

import { type Proof, Stage } from '../testing/proof.js';
import { badInput } from './acceptance/bad-input.js';
import { conflict } from './acceptance/conflict.js';
import { firstPayment } from './acceptance/first-payment.js';
import { fullRing } from './acceptance/full-ring.js';
import { fuzz } from './acceptance/fuzz.js';
import { http } from './acceptance/http.js';
import { idempotency } from './acceptance/idempotency.js';
import { order } from './acceptance/order.js';
import { rate } from './acceptance/rate.js';
import { tokens } from './acceptance/tokens.js';
import { cluster } from './cluster/cluster.js';
import { grow } from './cluster/grow.js';
import { killShard } from './cluster/kill-shard.js';
import { absent } from './faults/absent.js';
import { chaos } from './faults/chaos.js';
import { clocks } from './faults/clocks.js';
import { damage } from './faults/damage.js';
import { growth } from './faults/growth.js';
import { killEngine, killProcessor } from './faults/kill.js';
import { killBetween } from './faults/kill-between.js';
import { lostDisk } from './faults/lost-disk.js';
import { oddMachines } from './faults/odd-machines.js';
import { outage } from './faults/outage.js';
import { postgresReborn } from './faults/postgres-reborn.js';
import { rebirth } from './faults/rebirth.js';
import { signals } from './faults/signals.js';
import { twoHomes } from './faults/two-homes.js';
import { infrastructure } from './infrastructure/infrastructure.js';
import { walk } from './infrastructure/walk.js';
import { deadLetters } from './providers/dead-letters.js';
import { unkindProvider } from './providers/faulty-provider.js';
import { foreignAnswers } from './providers/foreign-answers.js';
import { lostWebhook } from './providers/lost-webhook.js';
import { providerDown } from './providers/provider-down.js';
import { providers } from './providers/providers.js';
import { webhooks } from './providers/webhooks.js';
import { reconcileCalendar } from './reconciliation/reconcile-calendar.js';
import { reconcileDay } from './reconciliation/reconcile-day.js';
import { reconcileKill } from './reconciliation/reconcile-kill.js';
import { reconcileMonth } from './reconciliation/reconcile-month.js';
import { cardData } from './security/card-data.js';
import { checksum } from './security/checksum.js';
import { edgeChecksum } from './security/edge-checksum.js';
import { edgeTls } from './security/edge-tls.js';
import { hostile } from './security/hostile.js';
import { locks } from './security/locks.js';
import { mtls } from './security/mtls.js';
import { rateLimit } from './security/rate-limit.js';
import { roles } from './security/roles.js';

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

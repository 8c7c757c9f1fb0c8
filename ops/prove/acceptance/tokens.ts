/** Every test token and every fault: the final status, how often it was captured, how often it was called. */

import { query } from '../../testing/audit.js';
import { callsOf, chargesOf, clearFaults, setFaults } from '../../testing/charges.js';
import { post, VISA } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';

const SETTINGS = {
  TOLLGATE_RETRY_DELAYS: '200ms,400ms,800ms',
  TOLLGATE_PSP_TIMEOUT_MS: '1000',
  TOLLGATE_ASK_AFTER_MS: '200',
  // Whole groups of errors come at once: the breaker has a proof of its own.
  TOLLGATE_BREAKER_CALLS_MIN: '100000',
};
const SETTLE_MS_MAX = 30_000;
const FAULT_MS = 1_500;

interface Row {
  readonly name: string;
  readonly token: string;
  readonly faults?: object;
  /** `dead`: processing, with its reason, in the dead-letter queue. */
  readonly status: 'succeeded' | 'failed' | 'dead';
  readonly captures: number;
  /** Charge calls: as few and as many as there may be. */
  readonly calls: readonly [min: number, max: number];
}

function token(name: string, status: Row['status'], captures: number, calls: number): Row {
  return { name, token: name, status, captures, calls: [calls, calls] };
}

function fault(faults: object, calls: Row['calls'], name = JSON.stringify(faults)): Row {
  return { name, token: 'pm_card_visa', faults, status: 'succeeded', captures: 1, calls };
}

const TOKENS: readonly Row[] = [
  token('pm_card_visa', 'succeeded', 1, 1),
  token('pm_card_declined', 'failed', 0, 1),
  token('pm_card_insufficient_funds', 'failed', 0, 1),
  token('pm_requires_action', 'succeeded', 1, 1),
  token('pm_slow_300', 'succeeded', 1, 1),
  // Charged and not answered in time: the webhook or the next try, whichever comes first.
  { ...token('pm_slow_1500', 'succeeded', 1, 1), calls: [1, 3] },
  { ...token('pm_timeout', 'succeeded', 1, 1), calls: [1, 2] },
  token('pm_error_1', 'succeeded', 1, 2),
  token('pm_error_3', 'succeeded', 1, 4),
  token('pm_error_5', 'succeeded', 1, 6),
  token('pm_error_9', 'dead', 0, 6),
  token('pm_webhook_only', 'succeeded', 1, 1),
  token('pm_webhook_lost', 'succeeded', 1, 1),
  token('pm_webhook_twice', 'succeeded', 1, 1),
  token('pm_unheard_of', 'failed', 0, 1),
];
/** Each for a while, then taken away. */
const FAULTS: readonly Row[] = [
  fault({ error_rate: 1 }, [2, 6]),
  fault({ timeout_rate: 1 }, [1, 3]),
  fault({ slow_rate: 1, slow_ms: 400 }, [1, 1]),
  fault({ down: true }, [2, 6]),
  fault({ find_lag_ms: 1_000 }, [1, 1]),
  fault({ webhook_drop_rate: 1 }, [1, 1]),
  fault({ webhook_repeat_rate: 1 }, [1, 1]),
  fault({ webhook_reorder_rate: 1 }, [1, 1]),
];

export const tokens: Proof = {
  name: 'tokens',
  shows:
    'each simulator token and each fault ends in the right status, with its captures and calls',
  async run(stage: Stage) {
    const system = await LocalSystem.start({ settings: SETTINGS });
    try {
      stage.figure('token or fault', 'status / captures / calls');
      await runRows(stage, system, TOKENS, 1);
      for (const row of FAULTS) await runFault(stage, system, row);
    } finally {
      await system.stop();
    }
  },
};

async function runFault(stage: Stage, system: LocalSystem, row: Row): Promise<void> {
  const { simulator } = system.endpoints;
  await setFaults(simulator, row.faults!);
  const ending = setTimeout(() => void clearFaults(simulator), FAULT_MS);
  try {
    await runRows(stage, system, [row], stage.size(2, 10));
  } finally {
    clearTimeout(ending);
    await clearFaults(simulator);
  }
}

/** All rows at once, so many payments each; then each must be what its row says. */
async function runRows(
  stage: Stage,
  system: LocalSystem,
  rows: readonly Row[],
  copies: number,
): Promise<void> {
  const { api, simulator } = system.endpoints;
  const callsBefore = await callsOf(simulator);
  const payments = rows.flatMap((row, i) =>
    Array.from({ length: copies }, (_, n) => ({ row, id: `${row.token}-${Date.now()}-${i}-${n}` })),
  );
  for (const { row, id } of payments) await post(api, id, { ...VISA, payment_method: row.token });
  const ids = payments.map((payment) => payment.id);
  const books = await settled(system, ids, async () => (await callsOf(simulator)) - callsBefore);
  const shown = new Map<string, string>();
  for (const { row, id } of payments) {
    const book = books.get(id)!;
    const charges = await chargesOf(simulator, id);
    const captures = charges.filter((charge) => charge.status === 'captured').length;
    const figures = `${book.status} / ${captures} / ${book.calls}`;
    if (shown.get(row.name) !== figures) stage.figure(row.name, figures);
    shown.set(row.name, figures);
    const isRight =
      book.status === row.status &&
      captures === row.captures &&
      book.calls >= row.calls[0] &&
      book.calls <= row.calls[1];
    stage.must(isRight, `${row.name} must be ${row.status} / ${row.captures} / ${row.calls}`);
  }
}

interface Book {
  readonly id: string;
  readonly status: string;
  readonly calls: number;
}

/**
 * All are at their end, and our books hold every call that the provider counts: a webhook may
 * end a payment while its call still waits.
 */
async function settled(
  system: LocalSystem,
  ids: readonly string[],
  counted: () => Promise<number>,
): Promise<Map<string, Book>> {
  const list = ids.map((id) => `'${id}'`).join(',');
  let books = new Map<string, Book>();
  await until('all are terminal or dead', SETTLE_MS_MAX, async () => {
    const rows = await query<{ id: string; status: string; calls: string }>(
      system,
      `select p.checkout_id as id,
         case when p.dead_reason is null then p.status else 'dead' end as status,
         (select count(*) from psp_calls c where c.merchant = p.merchant
           and c.checkout_id = p.checkout_id and c.operation = 'charge') as calls
       from payments p where p.merchant = 'default' and p.checkout_id in (${list})`,
    );
    books = new Map(rows.map((row) => [row.id, { ...row, calls: Number(row.calls) }]));
    const open = rows.filter(
      (row) => row.status === 'processing' || row.status === 'requires_action',
    );
    if (rows.length < ids.length || open.length > 0) return false;
    const calls = rows.reduce((sum, row) => sum + Number(row.calls), 0);
    return calls === (await counted());
  });
  return books;
}

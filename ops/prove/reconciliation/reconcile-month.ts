/** A month of a million payments with every kind of difference planted: exactly those are found. */
import type { Proof, Stage } from '../../testing/proof.js';
import { mustFetchQuickly, mustSayWhatIsWrong } from './reconcile-cases.js';
import { type CliResult, MONTH, MonthStage } from './reconcile-month-stage.js';
import { UNSETTLED_MINOR } from './reconcile-plant-disputes.js';

const PEAK_GROWTH_MB_MAX = 60;
const OPEN_ITEMS = 3;

export const reconcileMonth: Proof = {
  name: 'reconcile-month',
  shows:
    'a month of 1 000 000 payments is reconciled in one run: exactly the planted differences are found, in flat memory; a report of 436 000 lines comes in seconds; wrong use and a missing source are said',
  async run(stage: Stage) {
    await mustFetchQuickly(stage);
    const small = await month(stage, stage.size(2_000, 100_000), mustSayWhatIsWrong);
    const large = await month(stage, stage.size(8_000, 1_000_000));
    const growth = large.peakMb - small.peakMb;
    stage.figure('peak memory grows by', `${growth.toFixed(0)} MB`);
    stage.must(growth <= PEAK_GROWTH_MB_MAX, 'memory grows with the month');
  },
};

async function month(
  stage: Stage,
  count: number,
  more?: (stage: Stage, monthStage: MonthStage) => Promise<void>,
): Promise<CliResult> {
  const monthStage = await MonthStage.prepare(count);
  try {
    const first = await monthStage.reconcile(['monthly', '--month', MONTH]);
    stage.figure(
      `${count} payments`,
      `${first.seconds.toFixed(1)} s, peak memory ${first.peakMb.toFixed(0)} MB`,
    );
    stage.must(first.code === OPEN_ITEMS, `exit code ${first.code}: ${first.output}`);
    await mustBeExactly(stage, monthStage);
    const before = await fingerprint(monthStage);
    const again = await monthStage.reconcile(['monthly', '--month', MONTH]);
    stage.figure('the same again', `${again.seconds.toFixed(1)} s`);
    stage.must((await fingerprint(monthStage)) === before, 'a second run changed something');
    await more?.(stage, monthStage);
    return first;
  } finally {
    await monthStage.close();
  }
}

export async function mustBeExactly(stage: Stage, monthStage: MonthStage): Promise<void> {
  const { expected } = monthStage.plant;
  const rows = await monthStage.query<{ item: string }>(
    `select kind || ' ' || state || ' ' || subject as item from reconciliation_items`,
  );
  const found = new Set(rows.map((row) => row.item));
  const missed = [...expected].filter((item) => !found.has(item));
  const invented = [...found].filter((item) => !expected.has(item));
  stage.figure(
    'planted / found / missed / invented',
    [expected.size, found.size, missed.length, invented.length].join(' / '),
  );
  stage.must(missed.length === 0, `missed: ${missed.slice(0, 3).join('; ')}`);
  stage.must(invented.length === 0, `invented: ${invented.slice(0, 3).join('; ')}`);
  const [books] = await monthStage.query<{ off: number; batches: number }>(
    `select (select count(*) from (select 1 from ledger_entries group by currency
         having sum(amount_minor) <> 0) s) as off,
       (select count(*) from settlement_batches) as batches`,
  );
  stage.figure('settlement batches', books!.batches);
  stage.must(Number(books!.off) === 0, 'the ledger does not sum to zero');
  const [disputed] = await monthStage.query<{ left: string }>(
    `select sum(amount_minor) as left from ledger_entries where account like 'disputed:%'`,
  );
  stage.figure('disputed and not taken off a payout', disputed!.left);
  stage.must(Number(disputed!.left) === UNSETTLED_MINOR, 'chargebacks are not taken off payouts');
}

/** Everything that a run may write, as one digest. */
export async function fingerprint(stage: MonthStage): Promise<string> {
  const tables = [
    `select kind, period, state, figures from reconciliation_runs order by id`,
    `select kind, state, subject, ours, theirs, reason from reconciliation_items
     order by provider, subject`,
    `select transaction_id, account, currency, amount_minor from ledger_entries
     order by transaction_id, account, currency`,
    `select provider, movement, amount_minor, fee_minor, day from settled_movements
     order by provider, movement`,
    `select merchant, currency, day, net_minor, movements from settlement_batches
     order by merchant, currency, day`,
    `select merchant, checkout_id, status, version, amount from payments
     order by merchant, checkout_id`,
    `select count(*) from reconciliation_changes`,
  ];
  const sums = tables.map((sql) => `(select md5(string_agg(md5(t::text), '')) from (${sql}) t)`);
  const [row] = await stage.query<{ digest: string }>(
    `select concat_ws(' ', ${sums.join(', ')}) as digest`,
  );
  return row!.digest;
}

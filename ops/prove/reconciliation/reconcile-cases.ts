/** Cases of the reconciliation proofs that were found by trial: odd reports, odd use, lost sources. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveReport } from '../../../workers/reconcile/report-file.js';
import { SimulatorSource } from '../../../workers/reconcile/sources/simulator-source.js';
import type { Stage } from '../../testing/proof.js';
import { MONTH, type MonthStage } from './reconcile-month-stage.js';

const WRONG_USE = 2;
const OPEN_ITEMS = 3;
const FETCH_SECONDS_MAX = 20;
const ROW = `${'ch_0000000000,shop-1,c-1,charge,1999,USD,28,1971,'.padEnd(137, '2026')}\n`;

/** A report whose server writes each row as a chunk of its own. */
export async function mustFetchQuickly(stage: Stage): Promise<void> {
  const rows = stage.size(100_000, 436_000);
  const server = createServer(async (_, response) => {
    for (let i = 0; i < rows; i++) if (!response.write(ROW)) await once(response, 'drain');
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-fetch-'));
  try {
    const { port } = server.address() as AddressInfo;
    const source = new SimulatorSource('simulator', `http://127.0.0.1:${port}`);
    const from = new Date('2026-03-01T00:00:00Z');
    const period = { kind: 'daily' as const, label: '2026-03-01', from, until: from };
    const [report] = await source.reports({ ...period, until: new Date(+from + 1) }, from);
    const since = Date.now();
    const { bytes } = await saveReport(await report!.open(), folder, report!.name, () => {});
    const seconds = (Date.now() - since) / 1_000;
    const megabytes = (bytes / 1e6).toFixed(0);
    stage.figure(`${rows} lines, ${megabytes} MB, a chunk per row`, `${seconds.toFixed(1)} s`);
    stage.must(bytes === rows * ROW.length, `${bytes} bytes came`);
    stage.must(seconds < FETCH_SECONDS_MAX, `it took ${seconds} s`);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
}

/** What a person may type wrongly, and a provider whose source nobody has configured. */
export async function mustSayWhatIsWrong(stage: Stage, monthStage: MonthStage): Promise<void> {
  const wrong: [what: string, args: string[]][] = [
    ['a day in the future', ['daily', '--date', '2999-01-01']],
    ['a month in the future', ['monthly', '--month', '2999-01']],
    ['30 February', ['daily', '--date', '2026-02-30']],
    ['a reason without words', ['resolve', '1', '--reason', ' ']],
  ];
  for (const [what, args] of wrong) {
    const { code, output } = await monthStage.reconcile(args);
    stage.must(code === WRONG_USE, `${what}: exit code ${code}: ${output}`);
  }
  stage.figure('wrong use: exit code', `${WRONG_USE} for ${wrong.length} of ${wrong.length}`);
  await monthStage.query(
    `insert into payments (merchant, checkout_id, shard, fingerprint, status, amount, currency,
       payment_method, provider, provider_reference, version, idempotency_key, accepted_at, updated_at)
     values ('shop-0', 'unasked', 0, '', 'succeeded', 5, 'USD', 'pm_card_visa', 'simulator_b', 'ch_b',
       2, 'k', now(), '2026-03-15 12:00Z')`,
  );
  const { code, output } = await monthStage.reconcile(['daily', '--date', `${MONTH}-15`]);
  const rows = await monthStage.query<{ item: string }>(
    `select provider || ' ' || kind || ' ' || state as item from reconciliation_items
     where provider = 'simulator_b'`,
  );
  const found = rows.map(({ item }) => item).join(', ');
  stage.figure('a provider without a source', `exit code ${code}, ${found}`);
  stage.must(code === OPEN_ITEMS && found === 'simulator_b no_source open', output);
}

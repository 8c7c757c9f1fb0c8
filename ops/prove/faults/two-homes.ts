/**
 * Two systems on one machine, in two home folders with two sets of ports. The same ids are paid in both, each
 * keeps its own books, a command goes to the system of its home, and one stops without the other.
 * The name of one folder begins with the other's, is longer than a socket's path may be, and has blanks, a comma and
 * letters beyond ASCII.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditAll, query } from '../../testing/audit.js';
import { get, VISA } from '../../testing/checkout-client.js';
import { runCli } from '../../testing/client-fixture.js';
import { payInOrder } from '../../testing/pay-in-order.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';

const ODD_NAME = `a, zweites Zuhause für Zahlungen – 第二の家 ${'x'.repeat(80)}`;
const OTHER = { ...VISA, amount: VISA.amount + 1 };

export const twoHomes: Proof = {
  name: 'two-homes',
  shows: 'two systems in two homes with two sets of ports run side by side and share nothing',
  async run(stage: Stage) {
    const parent = mkdtempSync(join(tmpdir(), 'tollgate-homes-'));
    const systems: LocalSystem[] = [];
    try {
      for (const name of ['a', ODD_NAME]) {
        const home = join(parent, name);
        mkdirSync(home);
        systems.push(await LocalSystem.start({ home }));
      }
      const [first, second] = systems as [LocalSystem, LocalSystem];
      const count = stage.size(10, 500);
      const ids = await payBoth(first, second, count);
      await byCommand(stage, first, second);
      await auditAll(stage, first, ids);
      await auditAll(stage, second, [...ids, 'by-command']);
      await mustHaveAmounts(stage, first, VISA.amount);
      await mustHaveAmounts(stage, second, OTHER.amount, 'by-command');
      stage.figure('the first stops in', `${(await first.stop()).toFixed(1)} s`);
      systems.shift();
      const alone = await payInOrder(second.endpoints.api, 'alone', 1, OTHER);
      await auditAll(stage, second, [...ids, 'by-command', ...alone]);
    } finally {
      for (const system of systems) await system.stop();
      rmSync(parent, { recursive: true, force: true });
    }
  },
};

async function payBoth(first: LocalSystem, second: LocalSystem, count: number): Promise<string[]> {
  const [ids] = await Promise.all([
    payInOrder(first.endpoints.api, 'same', count),
    payInOrder(second.endpoints.api, 'same', count, OTHER),
  ]);
  return ids;
}

/** The command is told the home alone. */
async function byCommand(stage: Stage, first: LocalSystem, second: LocalSystem): Promise<void> {
  const { code, output } = await runCli(['pay', 'by-command'], { TOLLGATE_HOME: second.home });
  stage.must(code === 0, `tollgate pay ended with ${code}: ${output}`);
  const { status } = await get(first.endpoints.api, 'by-command');
  stage.must(status === 404, `the other system answers ${status} for it`);
}

async function mustHaveAmounts(
  stage: Stage,
  system: LocalSystem,
  amount: number,
  but = '',
): Promise<void> {
  const [row] = await query<{ others: number }>(
    system,
    `select count(*)::int as others from payments where amount <> ${amount} and checkout_id <> '${but}'`,
  );
  stage.must(row!.others === 0, `${row!.others} payments of the other system are here`);
}

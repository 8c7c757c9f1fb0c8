/**
 * The commands that README and runbook print, run as they are printed on a system as `make run` starts it: each must
 * give the answer that the page leads to. What needs a cluster, a lost disk or another machine names the
 * proof or test that runs it. A command that is printed and not in the table breaks the proof.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../engine/util/paths.js';
import { pagesOf, printedCommands } from '../../cli/printed-commands.js';
import { get, post, VISA } from '../../testing/checkout-client.js';
import { run } from '../../testing/client-fixture.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem, until } from '../../testing/system.js';
import { ELSEWHERE, STEPS, type Step } from './walk-steps.js';

const DEAD_MS_MAX = 60_000;
/** As README says for trying `pm_error_9`. */
const SETTINGS = { TOLLGATE_RETRY_DELAYS: '1s' };
export const DEAD = 'order-9';

export const walk: Proof = {
  name: 'walk',
  shows: 'each command that README and the runbook print gives the answer that the page says',
  async run(stage: Stage) {
    mustKnowAll(stage);
    const system = await LocalSystem.start({ settings: SETTINGS });
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-walk-'));
    try {
      await post(system.endpoints.api, DEAD, { ...VISA, payment_method: 'pm_error_9' });
      await Promise.all(groupsOf(STEPS).map((group) => takeAll(stage, system, folder, group)));
    } finally {
      await system.stop();
      rmSync(folder, { recursive: true });
    }
    stage.figure(
      'commands run as printed / shown elsewhere',
      `${Object.keys(STEPS).length} / ${Object.keys(ELSEWHERE).length}`,
    );
  },
};

function mustKnowAll(stage: Stage): void {
  const printed = ['README.md', ...pagesOf('docs/runbook')]
    .flatMap(printedCommands)
    .filter(({ words }) => ['tollgate', 'curl'].includes(words[0]!) && words.length > 1)
    .map(({ text }) => text.replace(/\s+/g, ' '));
  const known = [...Object.keys(STEPS), ...Object.keys(ELSEWHERE)];
  const unknown = printed.filter((text) => !known.includes(text));
  stage.must(unknown.length === 0, `not in the table of this proof: ${unknown.join('; ')}`);
  const gone = known.filter((text) => !printed.includes(text));
  stage.must(gone.length === 0, `no page prints: ${gone.join('; ')}`);
}

type Steps = readonly (readonly [printed: string, step: Step])[];

/** One after the other in a group, the groups side by side. */
function groupsOf(steps: Readonly<Record<string, Step>>): Steps[] {
  const groups = new Map<string, [string, Step][]>();
  for (const [printed, step] of Object.entries(steps)) {
    const [program, command] = printed.split(' ') as [string, string];
    const isOnPayments = program === 'curl' || ['pay', 'get', 'dlq'].includes(command);
    const name = isOnPayments ? 'payments' : command === 'keys' ? 'keys' : 'rest';
    groups.set(name, [...(groups.get(name) ?? []), [printed, step]]);
  }
  return [...groups.values()];
}

async function takeAll(
  stage: Stage,
  system: LocalSystem,
  folder: string,
  steps: Steps,
): Promise<void> {
  for (const [printed, step] of steps) {
    if (step.needsDead) await isDead(system);
    await take(stage, { system, folder, printed, step });
  }
}

interface Walk {
  readonly system: LocalSystem;
  /** Where the reader stands. */
  readonly folder: string;
  readonly printed: string;
  readonly step: Step;
}

async function take(stage: Stage, { system, folder, printed, step }: Walk): Promise<void> {
  const { instead = {}, answer, code = 0 } = step;
  let text = printed.replaceAll('http://127.0.0.1:8080', system.endpoints.api);
  for (const [placeholder, value] of Object.entries(instead))
    text = text.replace(placeholder, typeof value === 'string' ? value : await value(shell));
  async function shell(command: string): Promise<string> {
    return (await inFolder(command)).output;
  }
  function inFolder(command: string) {
    const bin = `export PATH=${packageRoot}node_modules/.bin:$PATH; cd ${folder}`;
    return run('bash', ['-c', `${bin}; ${command}`], { ...system.environment });
  }
  const answered = await inFolder(text);
  const isRight = answered.code === code && answer.test(answered.output);
  stage.must(isRight, `${text}: ${answered.code}, not ${code} and ${answer}:\n${answered.output}`);
}

async function isDead(system: LocalSystem): Promise<void> {
  await until(`${DEAD} is a dead letter`, DEAD_MS_MAX, async () =>
    (await get(system.endpoints.api, DEAD)).body.includes('dead_letter'),
  );
}

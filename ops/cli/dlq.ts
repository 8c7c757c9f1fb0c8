/**
 * `tollgate dlq`: lists the dead-letter queue and redrives it, through a processor's admin port.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { namesThisMachine } from '../../engine/admin/admin-server.js';
import { ConfigurationError } from '../../engine/config/settings.js';
import type {
  Asked,
  Letter,
  Redriven,
  Selection,
} from '../../workers/dead-letters/dead-letter-queue.js';
import { codeOf, connectionProblem } from '../client/client-errors.js';
import { actorName } from './actor.js';
import { processorAdmins, runningHeaders } from './running.js';

/** Of a look; a redrive of many takes longer. */
const ANSWER_MS_MAX = 4_500;
const REDRIVE_MS_MAX = 60_000;
const PROCESSOR_ADMIN = 'processor admin (default: that of the system that runs here)';
const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

interface Filter {
  readonly reason?: string;
  readonly olderThan?: number;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly url?: string;
  readonly note?: string;
}

export function registerDlq(program: Command): void {
  const dlq = program.command('dlq').description('the dead-letter queue: list, show, redrive');
  dlq
    .command('list')
    .description('what waits for a person; --all: also what was redriven')
    .option('--reason <code>', 'only with this reason')
    .option('--older-than <age>', 'only older than this, e.g. 10m', age)
    .option('--all', 'also what is no longer open')
    .option('--json', 'as JSON')
    .option('--url <url>', PROCESSOR_ADMIN)
    .action((filter: Filter) => list(filter));
  dlq
    .command('show')
    .description('one letter: its reason, its last answer and what it holds')
    .argument('<id>', 'a letter, merchant/checkout id, or a checkout id')
    .option('--url <url>', PROCESSOR_ADMIN)
    .action(async (id: string, { url }: { url?: string }) => {
      console.log(JSON.stringify(await ask(url, `/dlq/${encodeURIComponent(id)}`), null, 2));
    });
  dlq
    .command('redrive')
    .description('try again: by id, reason or age; safe to repeat')
    .argument('[ids...]', 'letters, merchant/checkout ids, or checkout ids')
    .option('--reason <code>', 'all with this reason')
    .option('--older-than <age>', 'all older than this, e.g. 10m', age)
    .option('--all', 'all that are open')
    .option('--url <url>', PROCESSOR_ADMIN)
    .action((ids: string[], filter: Filter, command: Command) => {
      const isNamed = ids.length > 0 || filter.reason || filter.olderThan !== undefined;
      if (!isNamed && !filter.all)
        command.error('name ids, --reason, --older-than or --all', { exitCode: 2 });
      return redrive(ids, filter);
    });
}

async function list({ url, all, json, reason, olderThan }: Filter): Promise<void> {
  const { dead_letters } = (await ask(url, '/dlq')) as { dead_letters: Letter[] };
  const shown = dead_letters.filter(
    (letter) =>
      (all || letter.state === 'open') &&
      (reason === undefined || letter.reason === reason) &&
      (olderThan === undefined || Date.now() - letter.at >= olderThan),
  );
  if (json) return console.log(JSON.stringify(shown, null, 2));
  for (const letter of shown) {
    const at = new Date(letter.at).toISOString();
    console.log(
      `${letter.id}  ${at}  ${letter.state}  ${letter.reason}  attempts ${letter.attempts}  ${letter.key}`,
    );
    console.log(`    ${letter.detail}`);
  }
  console.log(`${shown.length} dead letters`);
}

async function redrive(ids: readonly string[], filter: Filter): Promise<void> {
  const selection: Selection & Asked = {
    ...(ids.length > 0 ? { ids } : {}),
    ...(filter.reason ? { reason: filter.reason } : {}),
    older_than_ms: filter.olderThan ?? 0,
    actor: actorName(),
    ...(filter.note ? { note: filter.note } : {}),
  };
  const answer = (await ask(filter.url, '/dlq/redrive', selection)) as Redriven;
  const { matched, redriven, failed } = answer;
  for (const id of redriven) console.log(`redriven ${id}`);
  for (const { id, reason } of failed) console.log(`failed ${id}: ${reason}`);
  const closed = matched - redriven.length - failed.length;
  console.log(
    `${redriven.length} redriven, ${closed} were no longer open, ${failed.length} failed`,
  );
  if (matched === 0 && ids.length > 0) throw new Error('no such dead letter');
}

/** The first processor that listens answers for all; each sees the whole queue. */
async function ask(given: string | undefined, path: string, body?: object): Promise<unknown> {
  const urls = given === undefined ? processorAdmins() : [ownAdmin(given)];
  for (const [i, url] of urls.entries())
    try {
      return await askOne(`${url}${path}`, body);
    } catch (error) {
      const isAway = codeOf(error) === 'ECONNREFUSED' && i < urls.length - 1;
      if (!isAway)
        throw error instanceof TypeError || codeOf(error) !== '' ? awayOf(error, url) : error;
    }
  throw new Error('no processor is known: --url names its admin');
}

/** A token is sent to this machine only. */
function ownAdmin(url: string): string {
  if (URL.canParse(url) && namesThisMachine(new URL(url).host)) return url;
  throw new ConfigurationError([`--url: an admin port is at 127.0.0.1, not at ${url}`]);
}

function awayOf(error: unknown, url: string): Error {
  return connectionProblem(error, 'processor', url, 'TOLLGATE_PROCESSOR_ADMIN_PORT');
}

async function askOne(url: string, body?: object): Promise<unknown> {
  const response = await fetch(url, {
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    headers: {
      ...runningHeaders(body ? 'operator' : 'viewer'),
      ...(body ? { 'Content-Type': 'application/json' } : {}),
    },
    signal: AbortSignal.timeout(body ? REDRIVE_MS_MAX : ANSWER_MS_MAX),
  });
  if (response.status === 404) throw new Error('no such dead letter');
  if (response.status === 401)
    throw new Error('the processor takes another token: TOLLGATE_ADMIN_TOKENS_FILE names its file');
  if (!response.ok) throw new Error(`the processor answers ${response.status}`);
  return response.json();
}

function age(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (unit === undefined) throw new InvalidArgumentError('an age such as 30s, 10m, 2h, 7d');
  return Number(digits) * UNIT_MS[unit]!;
}

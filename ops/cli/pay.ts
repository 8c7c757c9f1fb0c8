/** `tollgate pay` and `tollgate get`: a client of the public API, for one payment or many. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { clientConfig, stackConfig } from '../../engine/core/config.js';
import { ApiClient, type ApiOptions } from '../api-client.js';
import { type LoadProgress, type LoadResult, runLoad } from '../load.js';
import { currencyOf } from './arguments.js';

const WAIT_SECONDS = 30;

interface PayOptions {
  readonly amount: number;
  readonly currency: string;
  readonly method: string;
  readonly count: number;
  readonly rate: number;
  readonly prefix?: string;
}

interface ClientOptions {
  readonly url: string;
  readonly keyFile?: string;
  readonly secretFile?: string;
  readonly ca?: string;
}

export function registerPay(program: Command): void {
  asClient(program.command('pay'))
    .description('pay once, or --count times at --rate, and wait for the outcome')
    .argument('[checkout-id]', 'default: a new one')
    .option('--amount <minor units>', 'amount', wholeNumber, 1999)
    .option('--currency <code>', 'ISO 4217', currencyOf, 'USD')
    .option('--method <token>', 'payment method', 'pm_card_visa')
    .option('--count <n>', 'how many payments', wholeNumber, 1)
    .option('--rate <per second>', 'posts a second, whether or not answers come', wholeNumber, 100)
    .option('--prefix <text>', 'ids are <prefix>-<n>')
    .action((id: string | undefined, options: PayOptions & ClientOptions) => {
      const api = apiOptions(options);
      return options.count === 1 ? payOne(api, id ?? newId(), options) : payMany(api, options);
    });
  asClient(program.command('get'))
    .description('read a payment')
    .argument('<checkout-id>')
    .option('--wait <seconds>', 'wait for a change at most so long', wholeNumber)
    .action(async (id: string, options: ClientOptions & { wait?: number }) => {
      const answer = await new ApiClient(apiOptions(options)).get(id, options.wait);
      console.log(JSON.stringify(JSON.parse(answer.body), null, 2));
      if (answer.status !== 200) process.exitCode = 1;
    });
}

/** Secrets come from a file or the environment: everybody can read an argument. */
function asClient(command: Command): Command {
  return command
    .option('--url <url>', 'public API', `http://127.0.0.1:${stackConfig().apiPort}`)
    .option('--key-file <file>', 'holds the API key (or TOLLGATE_KEY)')
    .option('--secret-file <file>', 'holds the checksum secret (or TOLLGATE_CHECKSUM_SECRET)')
    .option('--ca <file>', 'who signed the API, where that is no public authority');
}

function apiOptions({ url, keyFile, secretFile, ca }: ClientOptions): ApiOptions {
  const config = clientConfig();
  const fileOf = (path: string): string => readFileSync(path, 'utf8').trim();
  const key = keyFile ? fileOf(keyFile) : config.key;
  const checksumSecret = secretFile ? fileOf(secretFile) : config.checksumSecret;
  const caFile = ca ?? config.ca;
  return { url, key, checksumSecret, ...(caFile ? { ca: fileOf(caFile) } : {}) };
}

async function payOne(api: ApiOptions, id: string, options: PayOptions): Promise<void> {
  const client = new ApiClient(api);
  const posted = await client.post(id, bodyOf(options));
  console.log(posted.body);
  if (posted.status !== 202) {
    process.exitCode = 1;
    return;
  }
  const giveUpAt = Date.now() + WAIT_SECONDS * 1_000;
  let payment: Record<string, unknown> = {};
  while (Date.now() < giveUpAt && !/succeeded|failed|canceled/.test(`${payment['status']}`)) {
    payment = JSON.parse((await client.get(id, 5)).body);
  }
  console.log(JSON.stringify(payment, null, 2));
  if (payment['status'] !== 'succeeded') process.exitCode = 1;
}

async function payMany(api: ApiOptions, options: PayOptions): Promise<void> {
  const prefix = options.prefix ?? newId();
  const result = await runLoad({
    api: api.url,
    credentials: api,
    ...(api.ca === undefined ? {} : { ca: api.ca }),
    count: options.count,
    ratePerSecond: options.rate,
    idOf: (n) => `${prefix}-${n}`,
    body: bodyOf(options),
    settleMsMax: 60_000,
    onProgress: (it) => drawProgress(it, options.count),
  });
  process.stderr.write('\n');
  console.log(summaryOf(result, options.count));
  if (result.statuses.size !== options.count) process.exitCode = 1;
}

/** One line that overwrites itself on a terminal. */
export function drawProgress(it: LoadProgress, count: number): void {
  const width = 30;
  const filled = Math.round((it.terminal / count) * width);
  const bar = '#'.repeat(filled).padEnd(width, '.');
  const line = `[${bar}] posted ${it.posted} accepted ${it.accepted} terminal ${it.terminal}/${count}`;
  process.stderr.write(process.stderr.isTTY ? `\r${line}` : `${line}\n`);
}

export function summaryOf(result: LoadResult, count: number): string {
  const { latency } = result;
  const ms = (p: number): string => `${(latency.getValueAtPercentile(p) / 1_000).toFixed(2)} ms`;
  const statuses = new Map<string, number>();
  for (const it of result.statuses.values()) statuses.set(it, (statuses.get(it) ?? 0) + 1);
  const list = (map: ReadonlyMap<string, number>): string =>
    [...map].map(([name, n]) => `${name} ${n}`).join(', ') || 'none';
  return [
    `accepted   ${result.accepted.length} of ${count} in ${result.acceptSeconds.toFixed(1)} s, ${result.retries} tries repeated`,
    `refused    ${list(result.refused)}`,
    `terminal   ${result.statuses.size} (${list(statuses)}), the last ${result.settleSeconds.toFixed(1)} s after the last post`,
    `to the 202 p50 ${ms(50)}, p99 ${ms(99)}, p99.9 ${ms(99.9)} from the moment each was due`,
  ].join('\n');
}

function bodyOf({ amount, currency, method }: PayOptions): object {
  return { amount, currency, payment_method: method };
}

function newId(): string {
  return `pay-${randomBytes(6).toString('hex')}`;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text)) throw new InvalidArgumentError('a whole number from 1');
  return Number(text);
}

/** `tollgate pay` and `tollgate get`: a client of the public API, for one payment or many. */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { stackConfig } from '../../engine/core/config.js';
import { type LoadProgress, type LoadResult, runLoad } from '../load.js';

const WAIT_SECONDS = 30;

interface PayOptions {
  readonly amount: number;
  readonly currency: string;
  readonly method: string;
  readonly count: number;
  readonly rate: number;
  readonly prefix?: string;
  readonly url: string;
}

export function registerPay(program: Command): void {
  const url = `http://127.0.0.1:${stackConfig().apiPort}`;
  program
    .command('pay')
    .description('pay once, or --count times at --rate, and wait for the outcome')
    .argument('[checkout-id]', 'default: a new one')
    .option('--amount <minor units>', 'amount', wholeNumber, 1999)
    .option('--currency <code>', 'ISO 4217', 'USD')
    .option('--method <token>', 'payment method', 'pm_card_visa')
    .option('--count <n>', 'how many payments', wholeNumber, 1)
    .option('--rate <per second>', 'posts a second, whether or not answers come', wholeNumber, 100)
    .option('--prefix <text>', 'ids are <prefix>-<n>')
    .option('--url <url>', 'public API', url)
    .action((id: string | undefined, options: PayOptions) =>
      options.count === 1 ? payOne(id ?? newId(), options) : payMany(options),
    );
  program
    .command('get')
    .description('read a payment')
    .argument('<checkout-id>')
    .option('--wait <seconds>', 'wait for a change at most so long', wholeNumber)
    .option('--url <url>', 'public API', url)
    .action(async (id: string, options: { wait?: number; url: string }) => {
      const { status, payment } = await read(options.url, id, options.wait ?? 0);
      console.log(JSON.stringify(payment, null, 2));
      if (status !== 200) process.exitCode = 1;
    });
}

async function payOne(id: string, options: PayOptions): Promise<void> {
  const response = await fetch(`${options.url}/payments`, {
    method: 'POST',
    headers: { 'X-PAYMENT-CHECKOUT-ID': id, 'Content-Type': 'application/json' },
    body: JSON.stringify(bodyOf(options)),
    signal: AbortSignal.timeout(WAIT_SECONDS * 1_000),
  });
  console.log(await response.text());
  if (response.status !== 202) {
    process.exitCode = 1;
    return;
  }
  const giveUpAt = Date.now() + WAIT_SECONDS * 1_000;
  let payment: Record<string, unknown> = {};
  while (Date.now() < giveUpAt && !/succeeded|failed|canceled/.test(`${payment['status']}`)) {
    ({ payment } = await read(options.url, id, 5));
  }
  console.log(JSON.stringify(payment, null, 2));
  if (payment['status'] !== 'succeeded') process.exitCode = 1;
}

async function read(url: string, id: string, waitSeconds: number) {
  const response = await fetch(`${url}/payments/${encodeURIComponent(id)}`, {
    headers: waitSeconds > 0 ? { Prefer: `wait=${waitSeconds}` } : {},
    signal: AbortSignal.timeout((waitSeconds + 10) * 1_000),
  });
  return { status: response.status, payment: (await response.json()) as Record<string, unknown> };
}

async function payMany(options: PayOptions): Promise<void> {
  const prefix = options.prefix ?? newId();
  const result = await runLoad({
    api: options.url,
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

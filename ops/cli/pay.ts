/** `tollgate pay` and `tollgate get`: a client of the public API, for one payment or many. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { isTerminal, type PaymentStatusName } from '../../engine/domain/payment.js';
import { type ApiAnswer, ApiClient, type ApiOptions } from '../client/api-client.js';
import { runLoad } from '../load/load.js';
import { currencyOf } from './arguments.js';
import { apiOptions, asClient, type ClientOptions, reaching } from './client-options.js';
import { drawProgress, summaryJson, summaryOf } from './load-summary.js';

const WAIT_SECONDS = 30;
const READ_SECONDS = 5;
const RETRY_MS = 1_000;
const SETTLE_MS_MAX = 60_000;

interface PayOptions {
  readonly amount: number;
  readonly currency: string;
  readonly method: string;
  readonly count: number;
  readonly rate: number;
  readonly prefix?: string;
  readonly wait: number;
  readonly json?: boolean;
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
    .option('--wait <seconds>', 'for the outcome of one payment', wholeNumber, WAIT_SECONDS)
    .option('--json', 'print one line: counts, outcomes, milliseconds to the 202')
    .action((id: string | undefined, options: PayOptions & ClientOptions, command: Command) => {
      if (id !== undefined && options.count > 1)
        command.error('tollgate: a checkout id is of one payment: with --count give --prefix', {
          exitCode: 2,
        });
      const api = apiOptions(command, options);
      const isShown = options.count === 1 && !options.json;
      const paid = isShown ? payOne(api, id ?? newId(), options) : payMany(api, options, id);
      return reaching(api.url, paid);
    });
  asClient(program.command('get'))
    .description('read a payment')
    .argument('<checkout-id>')
    .option('--wait <seconds>', 'wait for a change at most so long', wholeNumber)
    .action(async (id: string, options: ClientOptions & { wait?: number }, command: Command) => {
      const api = apiOptions(command, options);
      const answer = await reaching(api.url, new ApiClient(api).get(id, options.wait));
      console.log(JSON.stringify(JSON.parse(answer.body), null, 2));
      if (answer.status !== 200) process.exitCode = 1;
    });
}

/** A 503 or 429 is tried again when its Retry-After says: the id makes that safe. */
async function payOne(api: ApiOptions, id: string, options: PayOptions): Promise<void> {
  const client = new ApiClient(api);
  const giveUpAt = Date.now() + options.wait * 1_000;
  const patiently = async (send: () => Promise<ApiAnswer>): Promise<ApiAnswer> => {
    for (;;) {
      const answer = await send();
      const waitMs = answer.retryAfterMs || RETRY_MS;
      const isLater = answer.status === 503 || answer.status === 429;
      if (!isLater || Date.now() + waitMs > giveUpAt) return answer;
      await sleep(waitMs);
    }
  };
  const posted = await patiently(() => client.post(id, bodyOf(options)));
  console.log(posted.body);
  if (posted.status !== 202) {
    process.exitCode = 1;
    return;
  }
  let answer: ApiAnswer;
  do answer = await patiently(() => client.get(id, Math.min(options.wait, READ_SECONDS)));
  while (answer.status === 200 && !isTerminal(statusOf(answer)) && Date.now() < giveUpAt);
  console.log(JSON.stringify(JSON.parse(answer.body), null, 2));
  if (!isTerminal(statusOf(answer)))
    throw new Error(
      `not finished after ${options.wait} s: \`tollgate dlq show ${id}\` or get it later`,
    );
  if (statusOf(answer) !== 'succeeded') process.exitCode = 1;
}

/** Of a problem the HTTP status, which is no status of a payment. */
function statusOf({ body }: ApiAnswer): PaymentStatusName {
  return (JSON.parse(body) as { status: PaymentStatusName }).status;
}

/** @param id of one payment; else they are `<prefix>-<n>` */
async function payMany(api: ApiOptions, options: PayOptions, id?: string): Promise<void> {
  const { count, json: isJson } = options;
  const prefix = options.prefix ?? newId();
  const idOf = (n: number): string => id ?? `${prefix}-${n}`;
  // Where nothing answers, or the key is wrong, one request says so; every payment would repeat it.
  const probe = await new ApiClient(api).get(idOf(0));
  if (probe.status === 401) throw new Error(`the API answers 401: ${probe.body}`);
  if (!isJson) console.log(`checkout ids ${idOf(0)} to ${idOf(count - 1)}`);
  const result = await runLoad({
    api: api.url,
    credentials: api,
    ...(api.ca === undefined ? {} : { ca: api.ca }),
    count,
    ratePerSecond: options.rate,
    idOf,
    body: bodyOf(options),
    settleMsMax: SETTLE_MS_MAX,
    onProgress: (progress) => drawProgress(progress, count),
  });
  process.stderr.write('\n');
  console.log(isJson ? JSON.stringify(summaryJson(result, count)) : summaryOf(result, count));
  if (result.statuses.size !== count) process.exitCode = 1;
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

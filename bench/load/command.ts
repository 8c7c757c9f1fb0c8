/**
 * `tollgate load`: checkouts at a constant rate against any deployment, latency from the moment
 * each was due. With `--json` the histograms go to standard output, for the benches.
 */
import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { apiOptions, asClient, type ClientOptions } from '../../ops/cli/client-options.js';
import { targetOf } from './http-connection.js';
import { OpenLoop } from './open-loop.js';
import { type LoadReport, reportOf, sentOf } from './report.js';

interface Options extends ClientOptions {
  readonly rate: number;
  readonly duration: number;
  readonly warmUp: number;
  readonly connections: number;
  readonly prefix: string;
  readonly body: string;
  readonly get?: string;
  readonly path: string;
  readonly expect: number;
  readonly poll?: boolean;
  readonly json?: boolean;
}

const VISA = '{"amount": 1999, "currency": "USD", "payment_method": "pm_card_visa"}';

/** Keys of several merchants, separated by commas or lines, are used in turns. */
export function registerLoad(program: Command): void {
  asClient(program.command('load'))
    .description('open-loop load: latency is counted from the moment each request was due')
    .option('--rate <n>', 'requests a second', positive, 100)
    .option('--duration <seconds>', 'how long it is measured', positive, 10)
    .option('--warm-up <seconds>', 'before that, not recorded', notNegative, 2)
    .option('--connections <n>', 'at most so many requests wait for answers', positive, 128)
    .option('--prefix <text>', 'ids are <prefix>-<n>', `load-${randomBytes(4).toString('hex')}`)
    .option('--body <json>', 'what is posted', VISA)
    .option('--path <path>', 'where it is posted', '/payments')
    .option('--expect <status>', 'the answer that counts', positive, 202)
    .option(
      '--get <prefix:count>',
      'read payments <prefix>-0 to <prefix>-<count-1> at random instead',
    )
    .option('--poll', 'read every accepted payment every 2 s until it is terminal')
    .option('--json', 'histograms as JSON, for programs')
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const api = apiOptions(command, options);
  if (api.checksumSecret) throw new Error('load cannot sign: use a merchant without a secret');
  const target = targetOf(api.url, api.ca);
  const base = new URL(api.url).pathname.replace(/\/+$/, '');
  const keys = (api.key ?? '').split(/[,\s]+/);
  const heads = keys.map((key) => headOf(key, target.host, target.port));
  const headFor = (n: number): string => heads[n % heads.length]!;
  const startedAt = Date.now();
  const loop = new OpenLoop({
    target,
    ratePerSecond: options.rate,
    seconds: options.duration,
    warmUpSeconds: options.warmUp,
    connections: options.connections,
    requestOf: options.get ? readsOf(base, options.get, headFor) : postsOf(base, options, headFor),
    expected: options.get ? 0 : options.expect,
    pollOf: options.poll ? (n) => getOf(base, `${options.prefix}-${n}`, headFor(n)) : undefined,
    ...(options.json ? {} : { onSecond: showProgress }),
  });
  const { posts, reads } = await loop.run();
  const sent = [sentOf(posts, options.rate, startedAt)];
  if (options.poll) sent.push(sentOf(reads, options.rate, startedAt));
  if (options.json) process.stdout.write(JSON.stringify(sent));
  else {
    for (const [i, entry] of sent.entries()) print(i === 0 ? 'requests' : 'reads', reportOf(entry));
    if (options.poll) console.log(`outcomes: ${outcomesOf(reads.outcomes)}`);
  }
  if (Object.keys(posts.failures).length > 0) process.exitCode = 1;
}

type HeadFor = (n: number) => string;

function headOf(key: string, host: string, port: number): string {
  const authorization = key ? `Authorization: Bearer ${key}\r\n` : '';
  return ` HTTP/1.1\r\nHost: ${host}:${port}\r\n${authorization}`;
}

function postsOf(
  base: string,
  { body, path, prefix }: Options,
  headFor: HeadFor,
): (n: number) => string {
  const rest = `\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${Buffer.from(body).toString('latin1')}`;
  return (n) => `POST ${base}${path}${headFor(n)}X-PAYMENT-CHECKOUT-ID: ${prefix}-${n}${rest}`;
}

function readsOf(base: string, ids: string, headFor: HeadFor): (n: number) => string {
  const [prefix, count] = ids.split(':') as [string, string];
  return (n) => getOf(base, `${prefix}-${Math.floor(Math.random() * Number(count))}`, headFor(n));
}

function getOf(base: string, id: string, head: string): string {
  return `GET ${base}/payments/${id}${head}\r\n`;
}

function showProgress(sent: number, answered: number): void {
  process.stderr.write(`\rsent ${sent}, answered ${answered}   `);
}

function print(what: string, report: LoadReport): void {
  const ms = (value: number): string => `${value.toFixed(2)} ms`;
  console.log(`
${what}: ${report.count} at ${report.rate_achieved.toFixed(0)} of ${report.rate_target}/s`);
  if (report.count === 0) console.log('  none had the expected answer');
  else
    console.log(`  p50 ${ms(report.p50)}  p90 ${ms(report.p90)}  p99 ${ms(report.p99)}  p99.9 ${ms(report.p99_9)}  max ${ms(report.max)}
  sent late by the client itself: p99 ${ms(report.client_late_p99)}`);
  for (const [why, count] of Object.entries(report.failures))
    console.log(`  ${count} failed: ${why}`);
}

function outcomesOf(outcomes: Readonly<Record<string, number>>): string {
  return (
    Object.entries(outcomes)
      .map(([status, count]) => `${status} ${count}`)
      .join(', ') || 'none'
  );
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 10_000_000)) throw new InvalidArgumentError('a number above 0');
  return value;
}

function notNegative(text: string): number {
  return text === '0' ? 0 : positive(text);
}

/** `tollgate doctor`: asks every part of the local system how it is, and says what to do. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Command } from 'commander';
import pg from 'pg';
import { engineConfig, processorConfig, stackConfig } from '../../engine/core/config.js';
import { accepts } from '../up/child.js';
import { measureFdatasync } from './fsync-probe.js';

const ASK_MS_MAX = 3_000;
const FSYNC_P50_MS_MAX = 5;

interface Finding {
  readonly what: string;
  /** undefined: well. */
  readonly problem: string | undefined;
}

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check the parts of the local system; exit code 1 when one is not well')
    .action(async () => {
      const findings = await Promise.all(checks());
      for (const { what, problem } of findings) {
        console.log(
          `${problem === undefined ? 'ok  ' : 'BAD '} ${what}${problem ? `: ${problem}` : ''}`,
        );
      }
      if (findings.some((it) => it.problem !== undefined)) process.exitCode = 1;
    });
}

function checks(): Promise<Finding>[] {
  const stack = stackConfig();
  const engine = engineConfig();
  const processor = processorConfig();
  const local = (port: number, path: string): string => `http://127.0.0.1:${port}${path}`;
  return [
    find('Node', async () =>
      process.version.startsWith('v20.')
        ? undefined
        : `${process.version}: tollgate runs on Node 20`,
    ),
    find(`Kafka ${engine.kafkaBrokers}`, async () => {
      const port = Number(engine.kafkaBrokers.split(',')[0]?.split(':')[1]);
      return (await accepts(port)) ? undefined : 'does not listen: `make run` starts one';
    }),
    find('Postgres', () => postgres(processor.databaseUrl)),
    find('simulator', () => ready(local(stack.simulatorPort, '/healthz'))),
    find('engine', () => ready(local(stack.adminPort, '/readyz'))),
    find('processor', () => ready(local(stack.processorAdminPort, '/readyz'))),
    find('disk', () => disk(stack.home, engine.diskFreeMinMb)),
    fsync(stack.home),
  ];
}

async function find(what: string, check: () => Promise<string | undefined>): Promise<Finding> {
  return { what, problem: await check().catch((error: Error) => error.message) };
}

async function ready(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ASK_MS_MAX) });
    return response.ok ? undefined : `${url} says ${await response.text()}`;
  } catch {
    return `${url} does not answer: \`make run\` starts it`;
  }
}

/** Also how much waits: unpublished versions, unknown outcomes. */
async function postgres(url: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: ASK_MS_MAX });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ late: number }>(
      `select count(*) as late from payments where version > published_version
       and updated_at < now() - interval '1 minute'`,
    );
    const late = Number(rows[0]?.late);
    return late === 0 ? undefined : `${late} statuses wait for a minute: is a processor running?`;
  } finally {
    await client.end();
  }
}

/** The figure is the finding; only a disk that spoils every answer is a problem. */
async function fsync(home: string): Promise<Finding> {
  const { p50Ms, p99Ms } = measureFdatasync(existsSync(home) ? home : '.');
  return {
    what: `fdatasync of 4 KiB: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`,
    problem: p50Ms > FSYNC_P50_MS_MAX ? 'every 202 waits for it: use a faster volume' : undefined,
  };
}

async function disk(dir: string, freeMinMb: number): Promise<string | undefined> {
  const { bavail, bsize } = await statfs(dir).catch(() => statfs('.'));
  const freeMb = Math.floor((bavail * bsize) / 1_048_576);
  return freeMb > freeMinMb
    ? undefined
    : `${freeMb} MiB free, checkouts are refused below ${freeMinMb}`;
}

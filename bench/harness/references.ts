/** Starts the references that tollgate is measured against, as separate processes. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { stackConfig } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';
import { accepts } from '../../ops/local/child.js';
import { freePorts, sleep } from '../../ops/testing/engine-process.js';

const START_MS_MAX = 10_000;

export interface Rival {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** uWebSockets.js that reads the body and answers. */
export function startBare(): Promise<Rival> {
  return startServer((port) => [packageFile('dist/bench/rivals/bare-uws.js'), `${port}`]);
}

/** Fastify with one insert a request. */
export function startFastify(databaseUrl: string): Promise<Rival> {
  const file = packageFile('bench/rivals/fastify-pg.mjs');
  mustBeInstalled(packageFile('bench/node_modules/fastify'));
  return startServer((port) => [file, `${port}`, databaseUrl]);
}

async function startServer(argumentsOf: (port: number) => string[]): Promise<Rival> {
  const [port] = (await freePorts(1)) as [number];
  const child = spawn(process.execPath, argumentsOf(port), {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const giveUpAt = Date.now() + START_MS_MAX;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      child.kill('SIGKILL');
      throw new Error(`the rival did not start: ${argumentsOf(port).join(' ')}`);
    }
    await sleep(20);
  }
  return { url: `http://127.0.0.1:${port}`, pid: child.pid!, stop: () => ended(child) };
}

/** The LMAX Disruptor in a process that takes commands (see Rival.java). */
export class Disruptor {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  static start(): Disruptor {
    const folder = join(stackConfig().cacheDir, 'disruptor');
    const jar = join(folder, 'disruptor-4.0.0.jar');
    mustBeInstalled(join(folder, 'classes'));
    const path = `${jar}:${join(folder, 'classes')}`;
    return new Disruptor(
      spawn('java', ['-cp', path, 'Rival'], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
  }

  async ask(command: string): Promise<number> {
    this.#child.stdin!.write(`${command}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the Disruptor ended at: ${command}`);
    return Number(value);
  }

  stop(): Promise<void> {
    return ended(this.#child);
  }
}

/** RocksDB's own benchmark: synced batches of a fresh database. @returns rows a second */
export async function dbBench(options: {
  readonly folder: string;
  readonly batch: number;
  readonly rows: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}): Promise<number> {
  const flags = {
    benchmarks: 'fillrandom',
    db: options.folder,
    sync: 1,
    batch_size: options.batch,
    num: options.rows,
    key_size: options.keyBytes,
    value_size: options.valueBytes,
    compression_type: 'none',
    write_buffer_size: 128 << 20,
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const { stdout } = await promisify(execFile)('db_bench', args);
  const rate = /fillrandom .* (\d+) ops\/sec/.exec(stdout)?.[1];
  if (rate === undefined) throw new Error(`db_bench said:\n${stdout}`);
  return Number(rate);
}

function mustBeInstalled(path: string): void {
  if (!existsSync(path)) throw new Error(`${path} is not there: run bench/setup.sh`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

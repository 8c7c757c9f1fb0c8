/**
 * Runs numbered cases over a bounded number of connections, one case at a time on each, and stops
 * at the first finding: a wrong answer, or a process that has ended. A finding names the seed and
 * the case that repeat it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../../testing/proof.js';
import type { LocalSystem } from '../../testing/system.js';

const CONNECTIONS = 16;
const LOG_LINES = 6;
const EXCERPT_BYTES = 400;
/** A process that has ended is known by its pid until its parent has noticed. */
const REAPED_MS_MAX = 500;
/** The processes that no input may end. */
const WATCHED = ['engine', 'processor', 'simulator'] as const;

export class Finding extends Error {}

export class FuzzRun {
  readonly stage: Stage;
  readonly system: LocalSystem;
  readonly seed: number;
  readonly #pids: ReadonlyMap<string, number>;
  readonly #inWork = new Map<number, Buffer>();
  #finding: { readonly n: number; readonly problem: string } | undefined;

  constructor(stage: Stage, system: LocalSystem, seed: number) {
    this.stage = stage;
    this.system = system;
    this.seed = seed;
    const { pids } = system.endpoints;
    this.#pids = new Map(WATCHED.map((name) => [name, pids[name]!]));
  }

  get port(): number {
    return Number(new URL(this.system.endpoints.api).port);
  }

  /** @param worker makes what handles the cases of one connection */
  async all(
    what: string,
    cases: readonly number[],
    worker: () => (n: number) => Promise<void>,
  ): Promise<void> {
    const queue = cases.values();
    let done = 0;
    const progress = Math.ceil(cases.length / 5);
    const client = async (): Promise<void> => {
      const handle = worker();
      for (const n of queue) {
        if (this.#finding !== undefined) return;
        await handle(n).catch((error: Error) => this.found(n, error.message));
        if (this.#finding === undefined) this.#inWork.delete(n);
        if (++done % progress === 0 && !this.stage.isShort)
          this.stage.figure(`${what} so far`, `${done} of ${cases.length}`);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, client));
    if (this.#finding === undefined) return this.mustRun();
    await sleep(REAPED_MS_MAX);
    this.mustRun();
    const { n, problem } = this.#finding;
    throw new Finding(`${this.#nameOf(n)}: ${problem}; sent ${excerpt(this.#inWork.get(n))}`);
  }

  /** Remembers what a case sends until it is done. */
  sends(n: number, bytes: Buffer): void {
    this.#inWork.set(n, bytes);
  }

  /** Records the first finding; what is in work then is not forgotten. */
  found(n: number, problem: string): void {
    this.#finding ??= { n, problem };
  }

  /** Throws when a process has ended since the start of the run. */
  mustRun(): void {
    const ended = this.#ended();
    if (ended !== undefined) throw new Finding(this.#endedText(ended));
  }

  #nameOf(n: number): string {
    return `SEED=${this.seed}/${n}`;
  }

  #ended(): string | undefined {
    for (const [name, pid] of this.#pids) if (!isAlive(pid)) return name;
    return undefined;
  }

  #endedText(name: string): string {
    const log = readFileSync(join(this.system.home, 'logs', `${name}.log`), 'utf8');
    const last = log.split('\n').filter((line) => /"level":(50|60)|rror|at /.test(line));
    const inWork = [...this.#inWork].map(
      ([n, bytes]) => `SEED=${this.seed}/${n} ${excerpt(bytes)}`,
    );
    return [
      `the ${name} ended. Its log says:`,
      ...last.slice(-LOG_LINES).map((line) => line.slice(0, EXCERPT_BYTES)),
      'In work at that time:',
      ...inWork,
    ].join('\n    ');
  }
}

function excerpt(bytes: Buffer | undefined): string {
  return JSON.stringify(bytes?.toString('latin1', 0, EXCERPT_BYTES) ?? '');
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** `tollgate up` as a process of its own, in a folder of its own, as a user runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment, stackConfig } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';

const UP_MS_MAX = 90_000;
const UP_TEXT = 'Try it';

export class UpProcess<E> {
  readonly home: string;
  /** Its settings, for another command of the same home. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(
    home: string,
    environment: Readonly<Record<string, string>>,
    child: ChildProcess,
  ) {
    this.home = home;
    this.environment = environment;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => (this.#output += chunk));
  }

  /** Resolves when everything is up; rejects with what it said when it is not. */
  static async start<E>(
    home: string,
    settings: Readonly<Record<string, string>>,
    options: readonly string[] = [],
  ): Promise<UpProcess<E>> {
    const env = { TOLLGATE_HOME: home, TOLLGATE_CACHE: stackConfig().cacheDir, ...settings };
    const args = [packageFile('ops/cli/tollgate.mjs'), 'up', ...options];
    const child = spawn(process.execPath, args, {
      env: childEnvironment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const up = new UpProcess<E>(home, env, child);
    const giveUpAt = Date.now() + UP_MS_MAX;
    while (!up.#output.includes(UP_TEXT)) {
      if (child.exitCode !== null || Date.now() > giveUpAt) {
        child.kill('SIGTERM');
        throw new Error(`the system did not start:\n${up.#output}`);
      }
      await sleep(50);
    }
    return up;
  }

  get endpoints(): E {
    return JSON.parse(readFileSync(join(this.home, 'endpoints.json'), 'utf8')) as E;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** `kill -9` of the supervisor alone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  /** @returns seconds that it took */
  async stop(): Promise<number> {
    const since = Date.now();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    return (Date.now() - since) / 1_000;
  }
}

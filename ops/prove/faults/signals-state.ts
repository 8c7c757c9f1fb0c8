/** What the signals say at one moment: /readyz and /metrics, doctor, and the logs since then. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';
import type { LocalSystem } from '../../testing/system.js';
import type { Pages } from '../infrastructure/alert-rules.js';

const ANSWER_MS_MAX = 1_500;

export interface State {
  /** `ready`, `no answer`, or what /readyz names. */
  readonly engine: string;
  readonly processor: string;
  readonly pages: Pages;
}

export async function read(system: LocalSystem): Promise<State> {
  const { admin, processorAdmin } = system.endpoints;
  const [engine, processor, enginePage, processorPage] = await Promise.all([
    readiness(admin),
    readiness(processorAdmin),
    page(admin),
    page(processorAdmin),
  ]);
  const pages = { 'tollgate-engine': enginePage, 'tollgate-processor': processorPage };
  return { engine, processor, pages };
}

async function readiness(admin: string): Promise<string> {
  const answer = await ask(`${admin}/readyz`);
  if (answer === undefined) return 'no answer';
  const { ready, reasons } = JSON.parse(answer) as { ready: boolean; reasons: string[] };
  return ready ? 'ready' : reasons.join(', ');
}

function page(admin: string): Promise<string | undefined> {
  return ask(`${admin}/metrics`);
}

async function ask(url: string): Promise<string | undefined> {
  try {
    return await (await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })).text();
  } catch {
    return undefined;
  }
}

/**
 * `tollgate doctor`, as a user runs it.
 * @returns the parts that are not well, but for the disk's speed, which other work here changes
 */
export async function runDoctor(home: string): Promise<{ readonly bad: string[] }> {
  const child = spawn(process.execPath, [packageFile('ops/cli/tollgate.mjs'), 'doctor'], {
    env: childEnvironment({ TOLLGATE_HOME: home, TOLLGATE_DISK_FREE_MIN_MB: '64' }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  const bad = [...text.matchAll(/^BAD {2}(\w+)/gm)].map((match) => match[1]!);
  return { bad: bad.filter((part) => part !== 'fdatasync') };
}

/** Lines that engine and processor have written since this was made. */
export class LogReader {
  readonly #files: readonly { readonly path: string; readonly from: number }[];

  constructor(home: string) {
    this.#files = ['engine', 'processor'].map((name) => {
      const path = join(home, 'logs', `${name}.log`);
      return { path, from: existsSync(path) ? statSync(path).size : 0 };
    });
  }

  has(text: string): boolean {
    return this.#lines().some((line) => line.includes(text));
  }

  /** How often each process has said of each use of a dependency that it is lost, or back. */
  counts(text: 'is lost' | 'is back'): Map<string, number> {
    const counts = new Map<string, number>();
    for (const line of this.#lines()) {
      if (!line.includes(`the dependency ${text}`)) continue;
      const { role, dependency, use } = JSON.parse(line) as Record<string, string>;
      const name = `${text}: ${role} ${dependency} ${use}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  #lines(): string[] {
    return this.#files.flatMap(({ path, from }) =>
      readFileSync(path).subarray(from).toString().split('\n'),
    );
  }
}

/** The cluster as `make cluster` runs it, in the stage's folder. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stackConfig } from '../../engine/core/config.js';
import { packageFile } from '../../engine/core/paths.js';
import { startTollgate, stopped } from './backlog.js';
import type { Stage } from './suite.js';

const UP_MS_MAX = 120_000;
const MERCHANT = 'default';

interface ClusterEndpoints {
  readonly api: string;
  readonly ca: string;
  readonly keys: Readonly<Record<string, string>>;
}

export class Cluster {
  readonly #child: ChildProcess;
  readonly api: string;
  readonly ca: string;
  readonly key: string;

  private constructor(child: ChildProcess, endpoints: ClusterEndpoints) {
    this.#child = child;
    this.api = endpoints.api;
    this.ca = endpoints.ca;
    this.key = endpoints.keys[MERCHANT] ?? Object.values(endpoints.keys)[0] ?? '';
  }

  /** Throws when this release has no cluster. */
  static async start(stage: Stage): Promise<Cluster> {
    const help = execFileSync(process.execPath, [packageFile('ops/cli/tollgate.mjs'), '--help']);
    if (!/^ +cluster\b/m.test(help.toString()))
      throw new Error('`tollgate cluster` is not there: the edge cannot be measured');
    const home = stage.folder('home');
    const child = startTollgate('cluster', {
      TOLLGATE_HOME: home,
      TOLLGATE_CACHE: stackConfig().cacheDir,
      TOLLGATE_LOG_LEVEL: 'error',
    });
    const file = join(home, 'endpoints.json');
    const giveUpAt = Date.now() + UP_MS_MAX;
    while (!existsSync(file)) {
      if (child.exitCode !== null || Date.now() > giveUpAt) {
        await stopped(child);
        throw new Error('the cluster did not start');
      }
      await sleep(100);
    }
    return new Cluster(child, JSON.parse(readFileSync(file, 'utf8')) as ClusterEndpoints);
  }

  stop(): Promise<void> {
    return stopped(this.#child);
  }
}

/** The clocks of a proof's hosts, each moved and put right while everything runs. */
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../engine/core/paths.js';
import { FAKETIME_LIBRARY } from './moved-clock.js';

export type Host = 'engine' | 'processor' | 'postgres' | 'kafka';
type Server = 'postgres' | 'kafka';

export class HostClocks {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tollgate-clocks-'));
  readonly #shifts: Partial<Record<Host, number>> = {};

  constructor() {
    // Postgres is another user.
    chmodSync(this.#dir, 0o755);
    for (const server of ['postgres', 'kafka'] as const) this.#write(server, '+0s');
    this.#write('node', '{}');
  }

  /** For the processes of Node. */
  get nodeEnvironment(): Record<string, string> {
    return {
      NODE_OPTIONS: `--require ${packageFile('ops/prove/shifted-date.cjs')}`,
      TOLLGATE_PROOF_CLOCKS: this.#file('node'),
    };
  }

  /** For a server that is not Node's. */
  serverEnvironment(server: Server): Record<string, string> {
    if (!existsSync(FAKETIME_LIBRARY))
      throw new Error('libfaketime is not installed: run `make setup`');
    return {
      LD_PRELOAD: FAKETIME_LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#file(server),
      // Kafka reads the clock too often for a look at the file each time.
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** From now on this host's clock is so far ahead; 0 puts it right. */
  shift(host: Host, ms: number): void {
    this.#shifts[host] = ms;
    if (host === 'postgres' || host === 'kafka')
      this.#write(host, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1_000}s`);
    else this.#write('node', JSON.stringify(this.#shifts));
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true });
  }

  #file(name: Server | 'node'): string {
    return join(this.#dir, name);
  }

  #write(name: Server | 'node', text: string): void {
    const file = this.#file(name);
    writeFileSync(`${file}.new`, text, { mode: 0o644 });
    renameSync(`${file}.new`, file);
  }
}

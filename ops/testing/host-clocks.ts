/** The clocks of a proof's processes, each moved and put right while everything runs. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../engine/util/paths.js';
import { ServerClock } from './server-clock.js';

export type Server = 'postgres' | 'kafka';
export type Host = 'engine' | 'processor' | Server;

export class HostClocks {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tollgate-clocks-'));
  readonly #file = join(this.#dir, 'shifts.json');
  readonly #shifts: Partial<Record<Host, number>> = {};
  readonly #servers = new Map<Host, ServerClock>();

  constructor() {
    this.#write();
  }

  /** For all Node processes: each finds its own shift. */
  get environment(): Record<string, string> {
    return {
      NODE_OPTIONS: `--require ${packageFile('ops/testing/shifted-date.cjs')}`,
      TOLLGATE_PROOF_CLOCKS: this.#file,
    };
  }

  /** For servers that are started with it: their clocks can be moved from now on. */
  serverEnvironment(): Record<Server, Record<string, string>> {
    return { postgres: this.#server('postgres'), kafka: this.#server('kafka') };
  }

  /** From now on this host's clock is so far ahead; 0 puts it right. */
  shift(host: Host, ms: number): void {
    const server = this.#servers.get(host);
    if (server) {
      server.shift(ms);
      return;
    }
    this.#shifts[host] = ms;
    this.#write();
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true });
    for (const clock of this.#servers.values()) clock.remove();
  }

  #server(name: Server): Record<string, string> {
    const clock = new ServerClock();
    this.#servers.set(name, clock);
    return clock.environment;
  }

  #write(): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#shifts));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

/** The clocks of a proof's Node processes, each moved and put right while everything runs. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../engine/core/paths.js';

export type Host = 'engine' | 'processor';

export class HostClocks {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tollgate-clocks-'));
  readonly #file = join(this.#dir, 'shifts.json');
  readonly #shifts: Partial<Record<Host, number>> = {};

  constructor() {
    this.#write();
  }

  /** For all of them: each finds its own shift. */
  get environment(): Record<string, string> {
    return {
      NODE_OPTIONS: `--require ${packageFile('ops/prove/shifted-date.cjs')}`,
      TOLLGATE_PROOF_CLOCKS: this.#file,
    };
  }

  /** From now on this host's clock is so far ahead; 0 puts it right. */
  shift(host: Host, ms: number): void {
    this.#shifts[host] = ms;
    this.#write();
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true });
  }

  #write(): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#shifts));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

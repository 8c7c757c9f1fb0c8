/**
 * The clock of one server that is no Node process (Postgres, Kafka): moved and put right while it
 * runs, by a library that is preloaded into it.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../engine/util/paths.js';

const SHIFT_BYTES = 8;
const NS_PER_MS = 1_000_000n;

export class ServerClock {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tollgate-server-clock-'));
  readonly #library = join(this.#dir, 'server-clock.so');
  readonly #file = join(this.#dir, 'shift');

  constructor() {
    // Postgres runs as another user.
    chmodSync(this.#dir, 0o755);
    const source = packageFile('ops/testing/server-clock.c');
    execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', this.#library, source]);
    chmodSync(this.#library, 0o755);
    writeFileSync(this.#file, Buffer.alloc(SHIFT_BYTES), { mode: 0o644 });
  }

  get environment(): Record<string, string> {
    return { LD_PRELOAD: this.#library, TOLLGATE_PROOF_SERVER_CLOCK: this.#file };
  }

  /** From now on the server's clock is so far ahead; 0 puts it right. */
  shift(ms: number): void {
    const shift = Buffer.alloc(SHIFT_BYTES);
    shift.writeBigInt64LE(BigInt(ms) * NS_PER_MS);
    // In place: the servers have mapped the file.
    const file = openSync(this.#file, 'r+');
    writeSync(file, shift, 0, SHIFT_BYTES, 0);
    closeSync(file);
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true });
  }
}

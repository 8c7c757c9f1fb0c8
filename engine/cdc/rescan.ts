/**
 * Publishes every row without a terminal status again, from the tables, after the log or its
 * checkpoint was lost. It works page by page behind live traffic. A marker on disk says that a
 * rescan is under way, so a crash starts it again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Family } from '../store/families.js';
import { behind, type Store } from '../store/store.js';
import { DurableFile } from '../util/durable-file.js';
import type { Logger } from '../util/log.js';
import type { CdcPublisher } from './publisher.js';
import { isSettled, type Row, republishAll } from './unsettled-rows.js';

const PAGE_ROWS = 500;
const PAUSE_MS = 50;
const FAMILIES: readonly Family[] = ['checkouts', 'commands', 'inbox'];

interface Pending {
  readonly reason: string;
  readonly isDone: boolean;
}

export interface RescanParts {
  readonly file: string;
  readonly store: Store;
  readonly publisher: CdcPublisher;
  readonly logger: Logger;
}

export class Rescan {
  readonly #parts: RescanParts;
  readonly #file: DurableFile<Pending>;
  readonly #stop = new AbortController();
  /** Rescans begun by this process. */
  begun = 0;
  isRunning = false;
  /** Asked for while one was running: that one may have passed rows already. */
  #again: string | undefined;
  republished = 0;

  constructor(parts: RescanParts) {
    this.#parts = parts;
    this.#file = new DurableFile(parts.file, isPending);
  }

  /** Begins one for `reason`, or goes on with one that a crash cut off. */
  start(reason: string | undefined): void {
    const before = this.#file.load();
    const cutOff = before?.isDone === false ? before.reason : undefined;
    const why = reason ?? cutOff;
    if (why === undefined) return;
    this.#file.saveSync({ reason: why, isDone: false });
    this.begun++;
    if (this.isRunning) {
      this.#again = why;
      return;
    }
    this.isRunning = true;
    this.#parts.logger.warn({ reason: why }, 'what has no terminal status is published again');
    this.#run(why).catch((error: Error) =>
      this.#parts.logger.error({ reason: error.message }, 'the rescan ended early'),
    );
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(reason: string): Promise<void> {
    for (const family of FAMILIES) await this.#family(family);
    if (this.#stop.signal.aborted) return;
    const again = this.#again;
    this.#again = undefined;
    if (again !== undefined) return this.#run(again);
    this.#file.saveSync({ reason, isDone: true });
    this.isRunning = false;
    this.#parts.logger.info({ records: this.republished }, 'the rescan is done');
  }

  async #family(family: Family): Promise<void> {
    const { store, publisher } = this.#parts;
    const { signal } = this.#stop;
    let from: Buffer = Buffer.alloc(0);
    while (!signal.aborted) {
      const page = store.range(family, from, undefined, PAGE_ROWS);
      const rows: Row[] = [];
      for (let i = 0; i < page.length; i += 2)
        rows.push({ family, key: page[i]!, value: page[i + 1]! });
      const open = rows.filter(
        (row) => family === 'inbox' || !isSettled(store, paymentOf(row.key)),
      );
      await republishAll(publisher, open, 'rescan', signal);
      this.republished += open.length;
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) return;
      from = behind(last.key);
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }
}

/** merchant/id of merchant/id[/kind/key]. */
function paymentOf(key: Buffer): Buffer {
  const second = key.indexOf('/', key.indexOf('/') + 1);
  return second < 0 ? key : key.subarray(0, second);
}

function isPending(value: unknown): value is Pending {
  const pending = value as Partial<Pending> | null | undefined;
  return typeof pending?.reason === 'string' && typeof pending.isDone === 'boolean';
}

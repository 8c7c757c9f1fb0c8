/**
 * Reports from the worker threads' writers to the main thread: every failed write, and the first
 * success after failures. The main thread learns from them that Postgres answers but takes no
 * writes, for example with a full disk.
 */
import { BroadcastChannel, threadId } from 'node:worker_threads';

const CHANNEL = 'tollgate-postgres-writes';
/** A writer that has not repeated its failure for so long has ended. */
const FAILURE_MS_MAX = 60_000;

interface WriteReport {
  readonly writer: string;
  readonly isFailing: boolean;
}

let writers = 0;

export class WriteReporter {
  readonly #writer = `${threadId}/${++writers}`;
  #channel: BroadcastChannel | undefined;

  failed(): void {
    this.#channel ??= openChannel();
    this.#post(true);
  }

  succeeded(): void {
    if (this.#channel === undefined) return;
    this.#post(false);
    this.#channel.close();
    this.#channel = undefined;
  }

  #post(isFailing: boolean): void {
    const report: WriteReport = { writer: this.#writer, isFailing };
    this.#channel?.postMessage(report);
  }
}

/** The main thread's side. */
export class WriteWatch {
  readonly #channel = openChannel();
  /** When each writer failed last. */
  readonly #failing = new Map<string, number>();

  constructor() {
    this.#channel.onmessage = (message) => {
      const { writer, isFailing } = (message as { data: WriteReport }).data;
      if (isFailing) this.#failing.set(writer, performance.now());
      else this.#failing.delete(writer);
    };
  }

  get isFailing(): boolean {
    for (const [writer, at] of this.#failing)
      if (performance.now() - at > FAILURE_MS_MAX) this.#failing.delete(writer);
    return this.#failing.size > 0;
  }

  close(): void {
    this.#channel.close();
  }
}

function openChannel(): BroadcastChannel {
  const channel = new BroadcastChannel(CHANNEL);
  channel.unref();
  return channel;
}

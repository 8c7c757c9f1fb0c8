/**
 * Reloads the keys file while the engine runs: the main thread polls it every second and sends a
 * change to all gateway threads at once. A file that cannot be used is ignored: the former keys
 * stay valid, and the log says why.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { FileWatch } from '../util/file-watch.js';
import type { Logger } from '../util/log.js';
import { type KeyTable, readKeysFile } from './keys-file.js';

/** Every gateway thread listens to it for a KeyTable. */
export const KEYS_CHANNEL = 'tollgate-keys';
const LOOK_MS = 1_000;

export class KeysWatch {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #channel = new BroadcastChannel(KEYS_CHANNEL);
  readonly #watch: FileWatch;
  #table: KeyTable | undefined;
  reloaded = 0;
  refused = 0;

  /**
   * @param path '' where there are no keys
   * Throws EngineError `keys_file_unusable`: an engine without its keys does not start.
   */
  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
    this.#watch = new FileWatch(path === '' ? [] : [path], LOOK_MS, () => this.#reload());
    this.#table = path === '' ? undefined : readKeysFile(path);
    if (path === '') logger.warn('no API keys: all callers act as merchant `default`');
  }

  /** What is in force; undefined without a keys file. */
  get table(): KeyTable | undefined {
    return this.#table;
  }

  /** Sends the table to all gateway threads. A thread that listens only after a change has missed it. */
  announce(): void {
    if (this.#table !== undefined) this.#channel.postMessage(this.#table);
  }

  figures(): Record<string, number> {
    return { keys_reloaded_total: this.reloaded, keys_refused_total: this.refused };
  }

  stop(): void {
    this.#watch.stop();
    this.#channel.close();
  }

  #reload(): void {
    try {
      const table = readKeysFile(this.#path);
      this.#table = table;
      this.announce();
      this.reloaded++;
      this.#logger.info({ merchants: table.length }, 'API keys reloaded');
    } catch (error) {
      this.refused++;
      this.#logger.error({ reason: (error as Error).message }, 'API keys not reloaded');
    }
  }
}

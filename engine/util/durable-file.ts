/**
 * Stores one small JSON value in one file. After a crash the file holds either the old or the new
 * value, complete: the value is written to a temporary file, fsynced, renamed over the old one,
 * and the folder is fsynced. A checksum tells a damaged file from a missing one.
 *
 * One owner per file: writes of one DurableFile are serialised, and while one is under way only
 * the newest value waits.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { EngineError } from './errors.js';
import { writeAllSync } from './write-all.js';

export class DurableFile<T extends object> {
  readonly path: string;
  readonly #accepts: (value: unknown) => value is T;
  #writing: Promise<void> | undefined;
  #waiting: Promise<void> | undefined;
  #next: T | undefined;
  #generation = 0;
  /** What this object last put on disk: the same once more is no work. */
  #saved: string | undefined;

  /** `accepts` judges the shape of what is read. */
  constructor(path: string, accepts: (value: unknown) => value is T) {
    this.path = path;
    this.#accepts = accepts;
  }

  /** The value, or undefined when there is no file. Throws EngineError `durable_file_damaged`. */
  load(): T | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new EngineError(
        'durable_file_unreadable',
        `${this.path} cannot be read: ${(error as Error).message}`,
        { cause: error, canRetry: true },
      );
    }
    const value = decode(text);
    if (this.#accepts(value)) return value;
    throw new EngineError(
      'durable_file_damaged',
      `${this.path} is damaged (its checksum or its shape is wrong). Restore it from the volume's last copy, or move it away and start with TOLLGATE_ACCEPT_LOSS=on: what has no terminal status is then published again.`,
    );
  }

  /**
   * Resolves once `value`, or a newer one, is on disk; never blocks the event loop for the
   * disk. Rejects with EngineError `durable_file_unwritable`; the file then holds an older value.
   */
  save(value: T): Promise<void> {
    this.#next = value;
    if (this.#writing === undefined) return this.#start();
    this.#waiting ??= this.#writing.then(
      () => this.#startWaiting(),
      () => this.#startWaiting(),
    );
    return this.#waiting;
  }

  /** The same, blocking: for the last write of a process. A write under way is superseded. */
  saveSync(value: T): void {
    this.#generation++;
    this.#next = undefined;
    this.#saved = undefined;
    const temporary = `${this.path}.stop`;
    try {
      const fd = openSync(temporary, 'w', 0o600);
      try {
        writeAllSync(fd, Buffer.from(encode(value)));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, this.path);
      const folder = openSync(dirname(this.path), 'r');
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
    } catch (error) {
      throw unwritable(this.path, error);
    }
  }

  #startWaiting(): Promise<void> {
    this.#waiting = undefined;
    return this.#start();
  }

  #start(): Promise<void> {
    const value = this.#next;
    this.#next = undefined;
    if (value === undefined) return Promise.resolve();
    const writing = this.#write(value, this.#generation).finally(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    this.#writing = writing;
    return writing;
  }

  async #write(value: T, generation: number): Promise<void> {
    const text = encode(value);
    if (text === this.#saved) return;
    this.#saved = undefined;
    const temporary = `${this.path}.next`;
    try {
      const handle = await open(temporary, 'w', 0o600);
      try {
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      // Checked and renamed in one turn: an older value never lands after saveSync's.
      if (generation !== this.#generation) return;
      renameSync(temporary, this.path);
      const folder = await open(dirname(this.path), 'r');
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
      if (generation === this.#generation) this.#saved = text;
    } catch (error) {
      throw unwritable(this.path, error);
    }
  }
}

function encode(value: object): string {
  const body = JSON.stringify(value);
  return `{"crc32c":"${crc32c(body).toString(16).padStart(8, '0')}","value":${body}}\n`;
}

function decode(text: string): unknown {
  const match = /^\{"crc32c":"([0-9a-f]{8})","value":(.*)\}\n$/s.exec(text);
  const body = match?.[2];
  if (body === undefined || crc32c(body) !== Number.parseInt(match?.[1] ?? '', 16))
    return undefined;
  return JSON.parse(body);
}

function unwritable(path: string, cause: unknown): EngineError {
  return new EngineError(
    'durable_file_unwritable',
    `${path} cannot be written: ${(cause as Error).message}`,
    { cause, canRetry: true },
  );
}

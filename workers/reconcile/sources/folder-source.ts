/**
 * Reports that somebody, or a transfer, puts into a folder: `<folder>/<provider>/*.csv`, in
 * decimal amounts. All of them are read once; their lines belong to a period by their time. What
 * is no CSV is reported, unless it is hidden or still being copied.
 */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { EngineError } from '../../../engine/util/errors.js';
import type { Report, SettlementSource } from './source.js';

/** Hidden files, and those that a transfer is still writing. */
const UNFINISHED = /^\.|\.(part|tmp|filepart)$/i;
const PROVIDER = /^[a-z][a-z0-9_]{0,31}$/;

export class FolderSource implements SettlementSource {
  readonly provider: string;
  readonly #folder: string;

  constructor(provider: string, folder: string) {
    this.provider = provider;
    this.#folder = folder;
  }

  /** A source for each provider that has a folder; none when there is no such folder. */
  static async of(folder: string): Promise<FolderSource[]> {
    const entries = await readdir(folder, { withFileTypes: true }).catch(ignoreAbsent);
    return entries
      .filter((entry) => entry.isDirectory() && PROVIDER.test(entry.name))
      .map((entry) => new FolderSource(entry.name, join(folder, entry.name)));
  }

  async reports(): Promise<readonly Report[]> {
    const entries = await readdir(this.#folder, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
    return names
      .filter((name) => !UNFINISHED.test(name))
      .sort()
      .map((name) => ({
        name,
        amounts: 'decimal',
        open: async () => this.#open(name),
      }));
  }

  #open(name: string): Readable {
    if (/\.csv$/i.test(name)) return createReadStream(join(this.#folder, name));
    throw new EngineError('report_invalid', 'it is not a .csv file: convert it or move it away.');
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

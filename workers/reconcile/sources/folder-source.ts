/**
 * Reports that somebody, or a transfer, puts into a folder: `<folder>/<provider>/*.csv`, in
 * decimal amounts. All of them are read once; their lines belong to a period by their time.
 */
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report, SettlementSource } from './source.js';

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
      .filter((it) => it.isDirectory() && PROVIDER.test(it.name))
      .map((it) => new FolderSource(it.name, join(folder, it.name)));
  }

  async reports(): Promise<readonly Report[]> {
    const names = (await readdir(this.#folder)).filter((it) => it.endsWith('.csv')).sort();
    return names.map((name) => ({
      name,
      amounts: 'decimal',
      open: async () => createReadStream(join(this.#folder, name)),
    }));
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

/**
 * Who is asking: the merchant of a bearer key (RFC 6750). Without a keys file everybody is the
 * default merchant, and the engine listens on loopback only.
 *
 * One SHA-256 a request. The key is looked up by its hash: what the time of the look-up could
 * tell is about a hash that nobody can steer, and the last word has a comparison in constant time.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { DEFAULT_MERCHANT } from '../../engine/core/payment.js';
import type { KeyTable } from '../../engine/keys/keys-file.js';
import { PROBLEMS, type Problem } from '../problem.js';

const BEARER = /^bearer +([\x21-\x7e]{1,256})$/i;

export interface Merchant {
  readonly name: string;
  /** With any, every request must carry a checksum made with one of them. */
  readonly checksumSecrets: readonly string[];
}

interface Entry {
  readonly digest: Buffer;
  readonly merchant: Merchant;
}

const ANYBODY: Merchant = { name: DEFAULT_MERCHANT, checksumSecrets: [] };

export class Merchants {
  #entries: ReadonlyMap<string, Entry> | undefined;

  constructor(table: KeyTable | undefined) {
    if (table) this.replace(table);
  }

  /** A rotation: the next request is judged by this table. */
  replace(table: KeyTable): void {
    const entries = new Map<string, Entry>();
    for (const { merchant, keys, checksum_secrets = [] } of table) {
      const it: Merchant = { name: merchant, checksumSecrets: checksum_secrets };
      for (const key of keys) entries.set(key, { digest: Buffer.from(key, 'hex'), merchant: it });
    }
    this.#entries = entries;
  }

  /** @param authorization the header, '' when absent */
  identify(authorization: string): Merchant | Problem {
    if (this.#entries === undefined) return ANYBODY;
    if (authorization === '') return PROBLEMS.keyMissing;
    const key = BEARER.exec(authorization)?.[1];
    if (key === undefined) return PROBLEMS.keyInvalid;
    const hex = hash('sha256', key, 'hex');
    const entry = this.#entries.get(hex);
    if (!entry || !timingSafeEqual(entry.digest, Buffer.from(hex, 'hex')))
      return PROBLEMS.keyInvalid;
    return entry.merchant;
  }
}

/**
 * Finds the merchant of a bearer key (RFC 6750). Without a keys file all callers act as merchant
 * `default`, and the engine listens on loopback only.
 *
 * A key is looked up by its SHA-256, so the timing of the look-up depends only on a hash that no
 * caller controls. The final comparison runs in constant time. Authorization headers that passed
 * are cached, so a busy merchant costs one hash computation, not one per request. The cache is a
 * map with a seeded hash, so its timing reveals nothing about a key.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { DEFAULT_MERCHANT } from '../../engine/domain/payment.js';
import type { KeyTable } from '../../engine/keys/keys-file.js';
import { PROBLEMS, type Problem } from '../http/problem.js';

const BEARER = /^bearer +([\x21-\x7e]{1,256})$/i;

export interface Merchant {
  readonly name: string;
  /** With any, every request must carry a checksum made with one of them, unless optional. */
  readonly checksumSecrets: readonly string[];
  readonly checksumsOptional?: true;
  /** undefined: all that are configured. */
  readonly providers?: readonly string[];
}

interface Entry {
  readonly digest: Buffer;
  readonly merchant: Merchant;
}

/** Of headers that have passed; more, and it begins anew. */
const REMEMBERED_MAX = 4_096;
const ANYBODY: Merchant = { name: DEFAULT_MERCHANT, checksumSecrets: [] };

export class Merchants {
  #entries: ReadonlyMap<string, Entry> | undefined;
  readonly #remembered = new Map<string, Merchant>();

  constructor(table: KeyTable | undefined) {
    if (table) this.replace(table);
  }

  /** A rotation: the next request is judged by this table. */
  replace(table: KeyTable): void {
    const entries = new Map<string, Entry>();
    for (const { merchant, keys, checksum_secrets = [], checksums_optional, providers } of table) {
      const entry: Merchant = {
        name: merchant,
        checksumSecrets: checksum_secrets,
        ...(checksums_optional && { checksumsOptional: true }),
        ...(providers && { providers }),
      };
      for (const key of keys)
        entries.set(key, { digest: Buffer.from(key, 'hex'), merchant: entry });
    }
    this.#entries = entries;
    this.#remembered.clear();
  }

  /** @param authorization the header, '' when absent */
  identify(authorization: string): Merchant | Problem {
    if (this.#entries === undefined) return ANYBODY;
    const known = this.#remembered.get(authorization);
    if (known) return known;
    const merchant = this.#lookUp(authorization, this.#entries);
    if (!('code' in merchant)) {
      if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
      this.#remembered.set(authorization, merchant);
    }
    return merchant;
  }

  #lookUp(authorization: string, entries: ReadonlyMap<string, Entry>): Merchant | Problem {
    if (authorization === '') return PROBLEMS.keyMissing;
    const key = BEARER.exec(authorization)?.[1];
    if (key === undefined) return PROBLEMS.keyInvalid;
    const hex = hash('sha256', key, 'hex');
    const entry = entries.get(hex);
    if (!entry || !timingSafeEqual(entry.digest, Buffer.from(hex, 'hex')))
      return PROBLEMS.keyInvalid;
    return entry.merchant;
  }
}

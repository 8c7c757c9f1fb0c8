/**
 * Authenticates a request: finds the merchant by its API key and, if the merchant has a secret,
 * verifies the checksum.
 */
import type { Head } from '../http/head.js';
import type { Problem } from '../http/problem.js';
import { checkSignedBody, checkSignedHead, type SignedHead } from './checksum.js';
import type { Merchant, Merchants } from './merchants.js';

const NO_BODY = Buffer.alloc(0);

export class Caller {
  readonly merchant: string;
  /** That its checkouts may go to; undefined: all that are configured. */
  readonly providers: readonly string[] | undefined;
  readonly #head: SignedHead;
  readonly #secrets: readonly string[];

  private constructor(merchant: Merchant, head: SignedHead, secrets: readonly string[]) {
    this.merchant = merchant.name;
    this.providers = merchant.providers;
    this.#head = head;
    this.#secrets = secrets;
  }

  static of(
    merchants: Merchants,
    head: Head,
    method: SignedHead['method'],
    path: string,
    id: string,
  ): Caller | Problem {
    const merchant = merchants.identify(head.authorization);
    if ('code' in merchant) return merchant;
    const { timestamp, checksum } = head;
    const signed = { method, path, id, timestamp, checksum };
    const isUnsigned = timestamp === '' && checksum === '';
    const secrets = isUnsigned && merchant.checksumsOptional ? [] : merchant.checksumSecrets;
    return checkSignedHead(signed, secrets) ?? new Caller(merchant, signed, secrets);
  }

  /** @returns why these bytes are not what the merchant has signed */
  checkBody(body: Uint8Array = NO_BODY): Problem | undefined {
    return checkSignedBody(this.#head, body, this.#secrets);
  }
}

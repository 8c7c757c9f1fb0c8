/** Who sent a request: the merchant by its key and, where it has a secret, by its checksum. */
import type { Head } from '../head.js';
import type { Problem } from '../problem.js';
import { checkSignedBody, checkSignedHead, type SignedHead } from './checksum.js';
import type { Merchants } from './merchants.js';

const NO_BODY = Buffer.alloc(0);

export class Caller {
  readonly merchant: string;
  readonly #head: SignedHead;
  readonly #secrets: readonly string[];

  private constructor(merchant: string, head: SignedHead, secrets: readonly string[]) {
    this.merchant = merchant;
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
    const { name, checksumSecrets } = merchant;
    const { timestamp, checksum } = head;
    const signed = { method, path, id, timestamp, checksum };
    return checkSignedHead(signed, checksumSecrets) ?? new Caller(name, signed, checksumSecrets);
  }

  /** @returns why these bytes are not what the merchant has signed */
  checkBody(body: Uint8Array = NO_BODY): Problem | undefined {
    return checkSignedBody(this.#head, body, this.#secrets);
  }
}

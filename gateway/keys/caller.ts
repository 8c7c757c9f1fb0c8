/** Who sent a request: the merchant by its key and, where it has a secret, by its checksum. */
import type { HttpRequest } from 'uWebSockets.js';
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

  /** What the headers tell. They must be read before the first return to the event loop. */
  static of(
    merchants: Merchants,
    req: HttpRequest,
    method: SignedHead['method'],
    checkoutId: string,
  ): Caller | Problem {
    const merchant = merchants.identify(req.getHeader('authorization'));
    if ('code' in merchant) return merchant;
    const { name, checksumSecrets } = merchant;
    const head = {
      method,
      path: req.getUrl(),
      id: checkoutId,
      timestamp: req.getHeader('x-payment-timestamp'),
      checksum: req.getHeader('x-payment-checksum'),
    };
    return checkSignedHead(head, checksumSecrets) ?? new Caller(name, head, checksumSecrets);
  }

  /** @returns why these bytes are not what the merchant has signed */
  checkBody(body: Uint8Array = NO_BODY): Problem | undefined {
    return checkSignedBody(this.#head, body, this.#secrets);
  }
}

/**
 * Refusals that concern security: a wrong key, a forged webhook, card data. Each is counted by its
 * code and logged through `Bursts` with the id and the caller's address. No other part of the
 * request is logged.
 */

import { maskCardData } from '../../engine/card-data/card-mask.js';
import {
  type GatewayMessage,
  SECURITY_CODES,
  type SecurityCode,
} from '../../engine/gateway-contract.js';
import { Bursts } from '../../engine/util/bursts.js';
import type { Problem } from '../http/problem.js';
import type { Reply } from '../http/reply.js';
import type { Callers } from './addresses.js';

const SUBJECT_CHARS_MAX = 320;
const ADDRESS_CHARS_MAX = 64;
const CODES: ReadonlySet<string> = new Set(SECURITY_CODES);

export interface SecurityRefusalsParts {
  readonly counts: { add(name: SecurityCode, by: number): void };
  readonly callers: Callers;
  readonly say: (message: GatewayMessage) => void;
}

export class SecurityRefusals {
  readonly #parts: SecurityRefusalsParts;
  readonly #bursts = new Bursts();

  constructor(parts: SecurityRefusalsParts) {
    this.#parts = parts;
  }

  /** Call before the answer is sent. Problems with other codes are not counted here. */
  note(reply: Reply, { code }: Problem): void {
    if (!isSecurityCode(code)) return;
    const { counts, callers, say } = this.#parts;
    counts.add(code, 1);
    const times = this.#bursts.add(code);
    if (times === 0) return;
    const address = reply.aborted ? '' : callers.addressOf(reply.res, reply.realIp);
    say({
      type: 'refused',
      code,
      times,
      subject: maskCardData(reply.subject.slice(0, SUBJECT_CHARS_MAX)),
      address: maskCardData(address.slice(0, ADDRESS_CHARS_MAX)),
    });
  }
}

function isSecurityCode(code: string): code is SecurityCode {
  return CODES.has(code);
}

/**
 * The provider `wallet`: prepaid balances in Postgres. Its answers are final at once, so there is
 * nothing to capture later and nothing to cancel.
 */
import type pg from 'pg';
import { paymentKey } from '../../../engine/domain/payment.js';
import { openPool } from '../../postgres/pool.js';
import type { ChargeRequest, FindRequest, FollowUpRequest, Psp, PspAnswer } from '../port.js';
import { NOTHING, safeText } from '../sanitize.js';
import {
  chargeWallet,
  type Done,
  findOperation,
  refundWallet,
  type WalletOperation,
} from './operations.js';

export interface WalletSettings {
  readonly databaseUrl: string;
  readonly pspTimeoutMs: number;
}

const CONNECTIONS_MAX = 4;
const METHOD = /^wallet_(.{1,64})$/;

export class WalletPsp implements Psp {
  readonly name = 'wallet';
  /** Operations are never forgotten. */
  readonly keyWindowMs = Number.POSITIVE_INFINITY;
  readonly findLagMs = 0;
  readonly replaysErrors = false;
  readonly #pool: pg.Pool;

  constructor({ databaseUrl, pspTimeoutMs }: WalletSettings) {
    this.#pool = openPool(databaseUrl, CONNECTIONS_MAX, {
      connectionTimeoutMillis: pspTimeoutMs,
      session: { statement_timeout: pspTimeoutMs },
      query_timeout: pspTimeoutMs + 1_000,
    });
  }

  charge(request: ChargeRequest): Promise<PspAnswer> {
    const name = METHOD.exec(request.paymentMethod)?.[1];
    if (name === undefined) return Promise.resolve(declined('payment_method_unknown'));
    return this.#try(async (db) => answerOf(await chargeWallet(db, movement(request), name)));
  }

  find(request: FindRequest): Promise<PspAnswer> {
    const { operation, reference, idempotencyKey } = request;
    const by =
      operation === 'charge' && reference !== null ? { reference } : { key: idempotencyKey };
    return this.#try(async (db) => {
      const found = await findOperation(db, by);
      return found ? wordOf(found) : declined('not_found');
    });
  }

  cancel({ reference }: FollowUpRequest): Promise<PspAnswer> {
    return this.#try(async (db) => {
      const found = await findOperation(db, { reference });
      if (!found) return declined('not_found');
      return declined(found.outcome === 'approved' ? 'already_captured' : 'not_cancelable');
    });
  }

  capture({ reference }: FollowUpRequest): Promise<PspAnswer> {
    return this.#try(async (db) => {
      const found = await findOperation(db, { reference });
      if (!found) return declined('not_found');
      return found.outcome === 'approved' ? wordOf(found) : declined('not_capturable');
    });
  }

  refund(request: FollowUpRequest): Promise<PspAnswer> {
    return this.#try(async (db) =>
      answerOf(await refundWallet(db, movement(request), request.reference)),
    );
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** Without a connection nothing was sent; after that an error may hide a commit. */
  async #try(call: (db: pg.ClientBase) => Promise<PspAnswer>): Promise<PspAnswer> {
    let db: pg.PoolClient;
    try {
      db = await this.#pool.connect();
    } catch (error) {
      return fault('not_sent', error);
    }
    try {
      const answer = await call(db);
      db.release();
      return answer;
    } catch (error) {
      db.release(true);
      return fault('unknown', error);
    }
  }
}

function movement(request: ChargeRequest | FollowUpRequest) {
  const { idempotencyKey, merchant, checkoutId, currency, amountMinor } = request;
  return { key: idempotencyKey, merchant, checkoutId, currency, amountMinor };
}

function answerOf({ isReused, operation }: Done): PspAnswer {
  if (!isReused) return wordOf(operation);
  const response = { error: 'idempotency_key_reuse' };
  return { ...NOTHING, outcome: 'unknown', problem: 'key_conflict', response };
}

function wordOf(operation: WalletOperation): PspAnswer {
  const { outcome, reference, failure_code, amount_minor, currency } = operation;
  const { merchant, checkout_id } = operation;
  const response = { reference, outcome, failure_code, amount_minor, currency };
  return {
    ...NOTHING,
    outcome,
    reference,
    failureCode: failure_code,
    response,
    amountMinor: amount_minor,
    currency,
    payment: checkout_id === null ? null : paymentKey(merchant, checkout_id),
  };
}

function declined(failureCode: string): PspAnswer {
  return { ...NOTHING, outcome: 'declined', failureCode, response: { failure_code: failureCode } };
}

function fault(outcome: 'unknown' | 'not_sent', error: unknown): PspAnswer {
  const { code, name, message } = error as Error & { code?: string };
  const problem = outcome === 'unknown' ? 'no_answer' : 'provider_unavailable';
  const response = { error: code ?? name, message: safeText(message) };
  return { ...NOTHING, outcome, problem, response };
}

/**
 * Checks that a checkout may use the provider that it names. A payment that was accepted earlier
 * gets its original answer, whatever the settings are now: a refusal would tell the client that
 * nothing was stored.
 */
import type { CheckoutAccepted } from '../../engine/codec/records.js';
import { defaultProvider, paymentKey } from '../../engine/domain/payment.js';
import type { Store } from '../../engine/store/store.js';
import { PROBLEMS, type Problem } from '../http/problem.js';

export class ProviderGate {
  readonly #store: Pick<Store, 'get'>;
  readonly #configured: readonly string[];

  /** @param configured of TOLLGATE_PROVIDERS */
  constructor(store: Pick<Store, 'get'>, configured: readonly string[]) {
    this.#store = store;
    this.#configured = configured;
  }

  /** @param allowed of the merchant; undefined: all that are configured */
  check(record: CheckoutAccepted, allowed: readonly string[] | undefined): Problem | undefined {
    const problem = this.#judge(record.provider, allowed);
    if (problem === undefined) return undefined;
    const key = Buffer.from(paymentKey(record.merchant, record.checkout_id), 'latin1');
    return this.#store.get('checkouts', key) === undefined ? problem : undefined;
  }

  /** A merchant with a list of its own names a provider: where `auto` leads is not its choice. */
  #judge(provider: string, allowed: readonly string[] | undefined): Problem | undefined {
    const isKnown =
      provider === 'auto'
        ? defaultProvider(this.#configured) !== undefined
        : this.#configured.includes(provider);
    if (!isKnown) return PROBLEMS.providerNotConfigured;
    return (allowed?.includes(provider) ?? true) ? undefined : PROBLEMS.providerNotAllowed;
  }
}

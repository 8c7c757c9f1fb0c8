/** The words that engine, gateway and workers share about a payment. */

export const PAYMENT_STATUSES = [
  'pending',
  'processing',
  'requires_action',
  'succeeded',
  'failed',
  'canceled',
] as const;
export type PaymentStatusName = (typeof PAYMENT_STATUSES)[number];

/** A terminal status never changes. */
export function isTerminal(status: PaymentStatusName): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'canceled';
}

export const PROVIDERS = ['simulator', 'stripe', 'wallet'] as const;
/** Further simulators have names of their own; `auto` stands for none. */
export const PROVIDER_PATTERN = '^(?!auto$)[a-z][a-z0-9_]{0,31}$';
const PROVIDER_NAME = new RegExp(PROVIDER_PATTERN);
/** Pays from balances in Postgres; a checkout goes to it only when it asks for it. */
export const WALLET = 'wallet';
export const SIMULATOR = 'simulator';

export function isProviderName(entry: unknown): entry is string {
  return typeof entry === 'string' && PROVIDER_NAME.test(entry);
}

/** Of the configured providers the one for a checkout that names none. */
export function defaultProvider(providers: readonly string[]): string | undefined {
  return providers.find((name) => name !== WALLET);
}

export const MERCHANT_PATTERN = '^[A-Za-z0-9_-]{1,64}$';
/** The merchant of a system without API keys. */
export const DEFAULT_MERCHANT = 'default';

/** `merchant/checkoutId`: the key in RocksDB, in Kafka and at the providers. */
export function paymentKey(merchant: string, checkoutId: string): string {
  return `${merchant}/${checkoutId}`;
}

/** Of a payment key. */
export function checkoutIdOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

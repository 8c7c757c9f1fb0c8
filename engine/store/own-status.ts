/**
 * A payment's stored status, if it is that of the checkout stored beside it. After a retention or
 * a lost volume an id can be accepted again with another meaning while the status of its first
 * checkout is still there, or comes back: that one says nothing of the new checkout.
 */
import { isStatusOf } from '../codec/in-place.js';
import type { Store } from './store.js';

/** @param checkout the stored CheckoutAccepted, where the caller has it already */
export function ownStatus(
  store: Store,
  key: Buffer,
  checkout: Buffer | undefined = store.get('checkouts', key),
): Buffer | undefined {
  const status = store.get('status', key);
  if (status === undefined || checkout === undefined) return status;
  return isStatusOf(status, checkout) ? status : undefined;
}

/**
 * Returns a payment's stored status only if it belongs to the checkout stored beside it. After
 * retention or a lost volume, an id can be accepted again with other content while the status of
 * its first checkout is still stored or arrives again. That status must not be shown for the new
 * checkout.
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

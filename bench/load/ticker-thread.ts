/** The thread of a ticker: sleeps and notifies in a loop until it is stopped. */
import { workerData } from 'node:worker_threads';
import { Doorbell } from '../../engine/ring/doorbell.js';
import { SharedFlag } from '../../engine/ring/shared-flags.js';
import type { TickerData } from './ticker.js';

const { bell, target, stop, everyMs } = workerData as TickerData;
const own = new Doorbell(bell);
const other = new Doorbell(target);
const flag = new SharedFlag(stop);
while (!flag.isSet) {
  own.wait(() => false, everyMs);
  other.ring();
}

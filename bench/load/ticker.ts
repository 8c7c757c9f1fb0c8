/**
 * Calls a function on an event loop every fraction of a millisecond, which timers cannot do: a
 * separate thread sleeps and notifies the loop.
 */
import { Worker } from 'node:worker_threads';
import { Doorbell } from '../../engine/ring/doorbell.js';
import { SharedFlag } from '../../engine/ring/shared-flags.js';

export interface TickerData {
  readonly bell: SharedArrayBuffer;
  readonly target: SharedArrayBuffer;
  readonly stop: SharedArrayBuffer;
  readonly everyMs: number;
}

/** @param hasWork looked at before the loop goes to sleep */
export function startTicker(
  everyMs: number,
  tick: () => void,
  hasWork: () => boolean,
): { stop(): void } {
  const target = Doorbell.allocate();
  const stop = new SharedFlag();
  const data: TickerData = { bell: Doorbell.allocate(), target, stop: stop.memory, everyMs };
  const worker = new Worker(new URL('./ticker-thread.js', import.meta.url), { workerData: data });
  worker.unref();
  const listener = new Doorbell(target).listen(tick, hasWork);
  return {
    stop() {
      stop.set(true);
      listener.stop();
    },
  };
}

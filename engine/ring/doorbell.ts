/**
 * A doorbell wakes one waiting thread that watches many lanes. Any producer may ring; it
 * touches the bell only while the waiter's parked flag is up, so a busy waiter costs one
 * load. The waiter raises the flag, looks at all its lanes again, and only then sleeps: as
 * both sides store first and load second (sequentially consistent), no ring is lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BELL_OFFSET, DOORBELL_BYTES, PARKED_OFFSET } from './layout.js';

/** An event loop re-arms this often; long waits on `Atomics.waitAsync` leak. */
const ASYNC_WAIT_MS = 250;

export class Doorbell {
  readonly #bell: Int32Array;
  readonly #parked: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#bell = new Int32Array(memory, BELL_OFFSET, 1);
    this.#parked = new Int32Array(memory, PARKED_OFFSET, 1);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(DOORBELL_BYTES);
  }

  /** Call after the store that the waiter is to see. */
  ring(): void {
    if (Atomics.load(this.#parked, 0) === 0) return;
    Atomics.add(this.#bell, 0, 1);
    Atomics.notify(this.#bell, 0);
  }

  /**
   * Blocks this thread until a ring, until `hasWork()`, or for `timeoutMs`. Only for threads
   * without an event loop.
   */
  wait(hasWork: () => boolean, timeoutMs: number): void {
    Atomics.store(this.#parked, 0, 1);
    const seen = Atomics.load(this.#bell, 0);
    if (!hasWork()) Atomics.wait(this.#bell, 0, seen, timeoutMs);
    Atomics.store(this.#parked, 0, 0);
  }

  /**
   * Calls `drain` whenever the bell rings until `stop` of the result is called, never
   * blocking the event loop. `drain` works off all there is; rings within `restMs` after it are
   * taken together.
   */
  listen(drain: () => void, hasWork: () => boolean, restMs = 0): { stop(): void } {
    let stopped = false;
    const keepAlive = setInterval(() => {}, 1_000);
    const loop = async (): Promise<void> => {
      while (!stopped) {
        Atomics.store(this.#parked, 0, 1);
        const seen = Atomics.load(this.#bell, 0);
        if (!hasWork()) {
          const wait = Atomics.waitAsync(this.#bell, 0, seen, ASYNC_WAIT_MS);
          if (wait.async) await wait.value;
        }
        Atomics.store(this.#parked, 0, 0);
        if (stopped) return;
        drain();
        if (restMs > 0) await sleep(restMs);
        // Everything else of this event loop gets its turn between two drains.
        else if (hasWork()) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    loop().catch((error: unknown) => {
      // A drain that throws has broken an invariant: the thread, and with it the process, ends.
      setImmediate(() => {
        throw error;
      });
    });
    return {
      stop: () => {
        stopped = true;
        clearInterval(keepAlive);
        Atomics.add(this.#bell, 0, 1);
        Atomics.notify(this.#bell, 0);
      },
    };
  }
}

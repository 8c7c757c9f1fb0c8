/**
 * How a writer thread waits for work: `park` sleeps on the doorbell after a short spin
 * (little CPU, a wake-up of some 50 µs); `spin` never sleeps (a core, no wake-up).
 */
import type { Doorbell } from './doorbell.js';

export type WaitStrategyName = 'park' | 'spin';

export interface WaitStrategy {
  /** Returns when `hasWork()` holds, or after at most `PARK_MS` without. */
  wait(hasWork: () => boolean): void;
}

const PARK_MS = 100;
const SPINS_BEFORE_PARK = 64;
const SPINS_PER_TURN = 1 << 16;

export function waitStrategy(name: WaitStrategyName, doorbell: Doorbell): WaitStrategy {
  const spins = name === 'spin' ? SPINS_PER_TURN : SPINS_BEFORE_PARK;
  return {
    wait(hasWork) {
      for (let i = 0; i < spins; i++) if (hasWork()) return;
      if (name === 'park') doorbell.wait(hasWork, PARK_MS);
    },
  };
}

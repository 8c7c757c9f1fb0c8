/**
 * Guards every call to one provider: a limit on concurrent calls, and a circuit breaker. A
 * rejected call has sent nothing. Each worker thread has its own guard and learns from its own
 * calls.
 */
import {
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  circuitBreaker,
  handleWhenResult,
  isBrokenCircuitError,
  SamplingBreaker,
} from 'cockatiel';
import { monotonicMs } from '../postgres/clock.js';
import type { Problem, PspAnswer } from '../psp/port.js';

const WINDOW_MS = 10_000;
const FAILED_SHARE = 0.5;
/** A call that waits longer for its turn gives its place up: slow providers hold nothing up. */
const TURN_MS_MAX = 2_000;
const QUEUE_MAX = 100_000;

export type TurnedAway = 'breaker_open' | 'provider_busy' | 'too_late' | 'clocks_differ';

export interface GateSettings {
  readonly callsMax: number;
  readonly breakerCallsMin: number;
  readonly breakerOpenMs: number;
  /** `true` when no calls are taken any more, `false` when they are again. */
  readonly onChange: (isOpen: boolean) => void;
}

export class Gate {
  readonly #breaker;
  readonly #limit;
  readonly #openMs: number;
  #openedAt = 0;
  /** Also while one call tries whether it may close. */
  #isOpen = false;

  constructor(settings: GateSettings) {
    this.#openMs = settings.breakerOpenMs;
    this.#limit = bulkhead(settings.callsMax, QUEUE_MAX);
    this.#breaker = circuitBreaker(
      handleWhenResult((entry) => isFailure(entry as PspAnswer)),
      {
        halfOpenAfter: settings.breakerOpenMs,
        breaker: new SamplingBreaker({
          threshold: FAILED_SHARE,
          duration: WINDOW_MS,
          minimumRps: settings.breakerCallsMin / (WINDOW_MS / 1_000),
        }),
      },
    );
    this.#breaker.onBreak(() => {
      this.#openedAt = monotonicMs();
      if (!this.#isOpen) settings.onChange(true);
      this.#isOpen = true;
    });
    this.#breaker.onReset(() => {
      this.#isOpen = false;
      settings.onChange(false);
    });
  }

  /** Whether a call would go out now; the first one after a while is let through to try. */
  get takesCalls(): boolean {
    const { state } = this.#breaker;
    if (state === CircuitState.Open) return monotonicMs() - this.#openedAt >= this.#openMs;
    return state === CircuitState.Closed;
  }

  /** @param until by `monotonicMs`: after it the call must not begin any more */
  async run(
    call: () => Promise<PspAnswer>,
    until = Number.POSITIVE_INFINITY,
  ): Promise<PspAnswer | TurnedAway> {
    if (!this.takesCalls) return 'breaker_open';
    const turn: Turn = { hasBegun: false, isGivenUp: false };
    const result = this.#inTurn(turn, call, until);
    return turn.hasBegun ? result : await Promise.race([result, givenUp(turn)]);
  }

  async #inTurn(
    turn: Turn,
    call: () => Promise<PspAnswer>,
    until: number,
  ): Promise<PspAnswer | TurnedAway> {
    try {
      return await this.#limit.execute(async () => {
        turn.hasBegun = true;
        if (turn.isGivenUp) return 'provider_busy';
        if (monotonicMs() >= until) return 'too_late';
        return await this.#breaker.execute(call);
      });
    } catch (error) {
      if (isBrokenCircuitError(error)) return 'breaker_open';
      if (error instanceof BulkheadRejectedError) return 'provider_busy';
      throw error;
    }
  }
}

interface Turn {
  hasBegun: boolean;
  isGivenUp: boolean;
}

/** Resolves when the turn has not come in time; never when it has begun. */
function givenUp(turn: Turn): Promise<TurnedAway> {
  return new Promise((resolve) => {
    setTimeout(() => {
      if (turn.hasBegun) return;
      turn.isGivenUp = true;
      resolve('provider_busy');
    }, TURN_MS_MAX).unref();
  });
}

/** No answer, none of the provider's own, or an error that it would give to every call. */
export function isFailure({ problem }: PspAnswer): boolean {
  return problem !== null && !ABOUT_ONE_CALL.includes(problem);
}

/** The provider is well: only this call must wait, or must not be repeated. */
const ABOUT_ONE_CALL: readonly Problem[] = ['rate_limited', 'key_in_use', 'key_conflict'];

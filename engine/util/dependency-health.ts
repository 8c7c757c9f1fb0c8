/**
 * Decides whether a dependency of this process is available, by its last success: a delivery, a
 * fetch or a query. When no such work is under way, a cheap probe runs four times within the
 * allowed time.
 *
 * Keeps: one warning when the dependency becomes unavailable and one when it is back. Time is
 * counted in timer ticks, so neither a clock step nor a suspended process makes a dependency
 * unavailable. While work is waiting, only its success counts: a broker that answers metadata
 * requests but delivers nothing is unavailable.
 *
 * A dependency that stays unavailable for this process while it answers probes of others has a
 * stuck client. That client is replaced, at most once within the allowed time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from './log.js';

const TURN_MS = 500;
const PROBES = 4;
/** A probe must bound itself; this only guards against one that never ends. */
const PROBE_MS_MAX = 5_000;
const RECOVERY_MS = 2_000;

export interface DependencyOptions {
  /** As in /readyz: `kafka` or `postgres`. */
  readonly name: string;
  /** What this process uses it for, for the log. */
  readonly use: string;
  /** Without a success for so long it is lost. */
  readonly lostAfterMs: number;
  readonly logger: Logger;
  /** One cheap request, bounded in time. Rejects with the reason when it was not answered. */
  readonly probe: () => Promise<unknown>;
  /** Work that was handed to the dependency and is not done. Default: there is none. */
  readonly isWaiting?: () => boolean;
  /** For a client that may not recover by itself. */
  readonly client?: ReplaceableClient;
}

export interface ReplaceableClient {
  /** Asks the dependency without the client, bounded in time. Rejects when there is no answer. */
  readonly askAnew: () => Promise<unknown>;
  readonly replace: (reason: string) => void;
}

export class DependencyHealth {
  readonly #options: DependencyOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #turnsMax: number;
  #silentTurns = 0;
  #isProbing = false;
  #isProbeAnswered = false;
  #state: 'not yet' | 'well' | 'lost' = 'not yet';
  #reason = 'no answer';

  constructor(options: DependencyOptions) {
    this.#options = options;
    this.#turnsMax = Math.max(1, Math.round(options.lostAfterMs / TURN_MS));
    this.#timer = setInterval(() => this.#turn(), TURN_MS);
    this.#timer.unref();
  }

  get name(): string {
    return this.#options.name;
  }

  /** It has answered, and has not been silent for too long since. */
  get isWell(): boolean {
    return this.#state === 'well';
  }

  /** The dependency has done what it was asked for. Cheap: call it for every success. */
  succeeded(): void {
    this.#silentTurns = 0;
    if (this.#state === 'well') return;
    const { name, use, logger } = this.#options;
    if (this.#state === 'lost') logger.warn({ dependency: name, use }, 'the dependency is back');
    this.#state = 'well';
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #turn(): void {
    this.#silentTurns++;
    if (this.#silentTurns >= this.#turnsMax / PROBES) void this.#probe();
    if (this.#silentTurns < this.#turnsMax) return;
    if (this.#silentTurns % this.#turnsMax === 0) void this.#replaceIfStuck();
    if (this.#state === 'lost') return;
    this.#state = 'lost';
    const { name, use, lostAfterMs, logger } = this.#options;
    const found = { dependency: name, use, reason: this.#reason, silent_for_ms: lostAfterMs };
    logger.warn(found, 'the dependency is lost; work that needs it waits');
  }

  async #probe(): Promise<void> {
    if (this.#isProbing) return;
    this.#isProbing = true;
    const { probe, isWaiting } = this.#options;
    try {
      const late = sleep(PROBE_MS_MAX, undefined, { ref: false }).then(() => {
        throw new Error('the probe did not end');
      });
      await Promise.race([probe(), late]);
      this.#isProbeAnswered = true;
      if (isWaiting?.()) this.#reason = 'it answers, and work that it was given is not done';
      else this.succeeded();
    } catch (error) {
      this.#isProbeAnswered = false;
      this.#reason = (error as Error).message;
    } finally {
      this.#isProbing = false;
    }
  }

  async #replaceIfStuck(): Promise<void> {
    const { client, name, use, logger } = this.#options;
    if (client === undefined || this.#isProbeAnswered) return;
    try {
      await client.askAnew();
    } catch {
      return;
    }
    // After an outage the client, too, needs a moment.
    await sleep(RECOVERY_MS, undefined, { ref: false });
    if (this.#state !== 'lost' || this.#isProbeAnswered) return;
    const reason = 'the dependency answers others, and not this client';
    logger.warn({ dependency: name, use, reason }, 'the client is replaced by a new one');
    client.replace(reason);
  }
}

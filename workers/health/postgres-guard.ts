/**
 * Stops a processor from working with a Postgres that is older than `payments.status` proves. At
 * start it waits until `tollgate recover postgres` has run. After a broken connection it checks
 * again, because the address may now lead to another database; then the process ends and waits at
 * its next start.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from '../../engine/util/log.js';
import { untilDone } from '../../engine/util/retry.js';
import { type Proof, provesOlder } from '../recovery/staleness.js';

const LOOK_MS = 2_000;

export interface PostgresGuardOptions {
  readonly brokers: string;
  readonly pool: pg.Pool;
  readonly logger: Logger;
  readonly onFatal: (reason: string) => void;
}

export class PostgresGuard {
  readonly #options: PostgresGuardOptions;
  #isFirstSession = true;
  #isOlder = false;

  constructor(options: PostgresGuardOptions) {
    this.#options = options;
  }

  /** For /readyz. */
  notReady(): string[] {
    return this.#isOlder ? ['postgres_older_than_kafka'] : [];
  }

  figures(): Record<string, number> {
    return { postgres_older_than_kafka: this.#isOlder ? 1 : 0 };
  }

  /** Resolves once nothing proves that Postgres is older, or when the signal comes. */
  async untilCurrent(signal: AbortSignal): Promise<void> {
    const { brokers, pool, logger } = this.#options;
    while (!signal.aborted) {
      let proof: Proof | undefined;
      const look = async (): Promise<void> => {
        proof = await provesOlder(brokers, pool);
      };
      await untilDone('payments.status', look, logger, signal);
      if (proof && !this.#isOlder) logger.error({ ...proof }, textOf(proof));
      this.#isOlder = proof !== undefined;
      if (!this.#isOlder) return;
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** Before a new connection is worked with. The first one has just been looked at. */
  async verify(): Promise<void> {
    if (this.#isFirstSession) {
      this.#isFirstSession = false;
      return;
    }
    const { brokers, pool, logger, onFatal } = this.#options;
    try {
      const proof = await provesOlder(brokers, pool);
      if (proof) onFatal(textOf(proof));
    } catch (error) {
      const { message } = error as Error;
      logger.debug({ reason: message }, 'Postgres is not compared with payments.status now');
    }
  }
}

function textOf({ key, version, stored }: Proof): string {
  const here = stored === null ? 'does not have the payment' : `has version ${stored}`;
  return `Postgres is older than Kafka: version ${version} of ${key} was published, and Postgres ${here}. No provider is called. Stop all processors' work with it and run \`tollgate recover postgres\`.`;
}

/**
 * Repeats an operation on something outside until it succeeds or the process stops. Logs the first
 * failure and the success.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from './log.js';

const RETRY_MS = 500;

export async function untilDone(
  what: string,
  attempt: () => Promise<void>,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let hasWarned = false;
  while (!signal.aborted) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (!hasWarned) logger.warn({ what, reason: (error as Error).message }, 'not there yet');
      hasWarned = true;
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}

/**
 * From when a checkout's deadline counts. The engine that accepted it may have had a wrong clock,
 * now or then, so its word counts only as far as Kafka's append time explains it. Errs to the later
 * time: no checkout expires early. Pure.
 */
import type { RecordTimes } from '../tasks.js';

/**
 * @param acceptedAt by the engine's clock, Unix milliseconds
 * @param skewMsMax a difference up to this is none
 */
export function deadlineStart(
  acceptedAt: number,
  { appendedAt, sentAt, waitedMsMax }: RecordTimes,
  skewMsMax: number,
): number {
  if (appendedAt === null) return acceptedAt;
  // The engine's clock was behind Kafka's when it published the record.
  const behindMs = sentAt === null ? 0 : appendedAt - sentAt;
  const corrected = behindMs > skewMsMax ? acceptedAt + behindMs : acceptedAt;
  // It was accepted no earlier than it began to wait, whatever the clock said.
  const proven = waitedMsMax === null ? corrected : appendedAt - waitedMsMax;
  return proven - corrected > skewMsMax ? proven : corrected;
}

/**
 * Computes the time from which a checkout's deadline counts. The accepting engine's clock may be
 * wrong, so its time is used only as far as Kafka's append time confirms it. In doubt it returns
 * the later time, so that no checkout expires early. Pure.
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

/**
 * Formats times as ISO 8601 in UTC with milliseconds, as `Date.toISOString` does. The text of the
 * current second is cached.
 */
const MILLIS = Array.from({ length: 1_000 }, (_, ms) => `${ms}`.padStart(3, '0'));
let keptSecond = Number.NaN;
let keptText = '';

/** @param ms Unix milliseconds, whole */
export function iso(ms: number): string {
  const second = Math.floor(ms / 1_000);
  if (second !== keptSecond) {
    keptText = new Date(second * 1_000).toISOString().slice(0, -4);
    keptSecond = second;
  }
  return `${keptText}${MILLIS[ms - second * 1_000]}Z`;
}

/** Parses a webhook's body as JSON, with the same strictness as the processor. */

/** A byte order mark is no JSON (RFC 8259, 8.1), and a processor would not read it. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @returns undefined for what is no JSON in UTF-8 */
export function parseEvent(body: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    return undefined;
  }
}

/** The body of a request, whole and bounded. */
import type { Reply } from './reply.js';

/**
 * Calls `onBody` once with the whole body, or with undefined when it has more than `bytesMax`
 * bytes. Its memory is uWebSockets.js' own and void when `onBody` returns; chunks that wait for
 * others are copied.
 */
export function readBody(
  reply: Reply,
  bytesMax: number,
  onBody: (body: Buffer | undefined) => void,
): void {
  let earlier: Buffer[] = [];
  let bytes = 0;
  reply.res.onData((memory, isLast) => {
    const chunk = Buffer.from(memory);
    bytes += chunk.length;
    if (bytes > bytesMax) earlier = [];
    else if (!isLast) earlier.push(Buffer.from(chunk));
    if (!isLast || reply.aborted) return;
    reply.run(() => {
      if (bytes > bytesMax) onBody(undefined);
      else onBody(earlier.length === 0 ? chunk : Buffer.concat([...earlier, chunk]));
    });
  });
}

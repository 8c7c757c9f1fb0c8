/** The body of a request, whole and bounded. */
import type { Reply } from './reply.js';

/**
 * Calls `onBody` once with the whole body, or with undefined when it has more than `bytesMax`
 * bytes. Chunks are copied: uWebSockets.js uses their memory again.
 */
export function readBody(
  reply: Reply,
  bytesMax: number,
  onBody: (body: Buffer | undefined) => void,
): void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  reply.res.onData((chunk, isLast) => {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) chunks = [];
    else chunks.push(Buffer.from(Buffer.from(chunk)));
    if (!isLast || reply.aborted) return;
    onBody(bytes > bytesMax ? undefined : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  });
}

/**
 * A lock that the kernel releases when its process ends: an abstract unix socket. Nothing stays on
 * disk. The lock is valid within one network namespace; containers that share a folder do not see
 * each other's locks.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { holdersOfAbstract } from './socket-holders.js';

const HASH_CHARS = 32;

export interface KernelLock {
  release(): void;
}

/** @returns undefined when another process holds it */
export function takeLock(kind: string, subject: string): Promise<KernelLock | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((client) => client.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen({ path: `\0${lockName(kind, subject)}` }, () => resolve(lockOf(server)));
  });
}

/** @returns the pids that hold it; empty when it is free, or this user may not see its holder */
export function lockHolders(kind: string, subject: string): number[] {
  return holdersOfAbstract(lockName(kind, subject));
}

/** Does not keep the process alive. */
function lockOf(server: Server): KernelLock {
  server.unref();
  return { release: () => server.close() };
}

function lockName(kind: string, subject: string): string {
  const hash = createHash('sha256').update(subject).digest('hex').slice(0, HASH_CHARS);
  return `tollgate-${kind}-${hash}`;
}

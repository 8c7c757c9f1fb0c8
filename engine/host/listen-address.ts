/**
 * The address of the API belongs to one engine. uWebSockets.js sets SO_REUSEPORT so that its threads
 * share a port; with it, a second engine would listen there too, and take half of the requests.
 */
import { createServer } from 'node:net';
import type { EngineConfig } from '../core/config.js';
import { EngineError } from '../core/errors.js';
import { type KernelLock, lockHolders, takeLock } from './kernel-lock.js';
import { describeHolders, listenersOn } from './socket-holders.js';

const LOCK = 'listen';

type Address = Pick<EngineConfig, 'host' | 'apiPort' | 'socket'>;

/** Throws EngineError `port_taken`, which names who has it. */
export async function claimAddress({ host, apiPort, socket }: Address): Promise<KernelLock> {
  const address = socket || `${host}:${apiPort}`;
  const variable = socket === '' ? 'TOLLGATE_API_PORT' : 'TOLLGATE_SOCKET';
  const lock = await takeLock(LOCK, address);
  if (!lock) throw taken(address, variable, lockHolders(LOCK, address));
  if (socket !== '' || (await isFree(host, apiPort))) return lock;
  lock.release();
  throw taken(address, variable, listenersOn(apiPort));
}

function taken(address: string, variable: string, holders: readonly number[]): EngineError {
  const who = describeHolders(holders);
  return new EngineError('port_taken', `${address} is taken by ${who}: set ${variable}.`);
}

/** Binds without SO_REUSEPORT, which fails beside any listener. */
function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

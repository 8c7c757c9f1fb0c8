/**
 * Ensures that one engine alone listens on the API's address. uWebSockets.js sets SO_REUSEPORT so
 * that its threads share a port; without this check a second engine could listen there too and
 * take half of the requests.
 */
import { createServer } from 'node:net';
import type { EngineConfig } from '../config/config.js';
import { type KernelLock, lockHolders, takeLock } from './kernel-lock.js';
import { portTaken } from './listening.js';
import { listenersOn } from './socket-holders.js';

const LOCK = 'listen';

type Address = Pick<EngineConfig, 'host' | 'apiPort' | 'socket'>;

/** Throws EngineError `port_taken`, which names who has it. */
export async function claimAddress({ host, apiPort, socket }: Address): Promise<KernelLock> {
  const address = socket || `${host}:${apiPort}`;
  const variable = socket === '' ? 'TOLLGATE_API_PORT' : 'TOLLGATE_SOCKET';
  const lock = await takeLock(LOCK, address);
  if (!lock) throw portTaken(address, variable, lockHolders(LOCK, address));
  if (socket !== '' || (await isFree(host, apiPort))) return lock;
  lock.release();
  throw portTaken(address, variable, listenersOn(apiPort));
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

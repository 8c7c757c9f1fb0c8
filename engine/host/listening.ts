/** Listens on a loopback port that one server uses alone. */
import { EngineError } from '../util/errors.js';
import { describeHolders, listenersOn } from './socket-holders.js';

/**
 * @param variable the setting that moves the port
 * @param listen rejects when it cannot listen
 * Throws EngineError `port_taken`, which names who has it. Other errors come as they are.
 */
export async function listenOn(
  port: number,
  variable: string,
  listen: () => Promise<unknown>,
): Promise<void> {
  try {
    await listen();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw portTaken(`127.0.0.1:${port}`, variable, listenersOn(port), cause);
  }
}

/** @param holders their pids, as far as we may see them */
export function portTaken(
  address: string,
  variable: string,
  holders: readonly number[],
  cause?: unknown,
): EngineError {
  const message = `${address} is taken by ${describeHolders(holders)}: set ${variable}.`;
  return new EngineError('port_taken', message, { cause });
}

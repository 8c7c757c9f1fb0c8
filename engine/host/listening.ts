/** Listening on a port of loopback, for servers that have it alone. */
import { EngineError } from '../core/errors.js';
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
    const holders = describeHolders(listenersOn(port));
    throw new EngineError(
      'port_taken',
      `127.0.0.1:${port} is taken by ${holders}: set ${variable}.`,
      {
        cause,
      },
    );
  }
}

/**
 * Structured logs (pino, JSON lines on stdout). A line about one payment carries
 * `merchant` and `checkoutId`; card data and secrets are never handed to the logger.
 */
import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

export function createLogger(role: string, level: string): Logger {
  return pino({
    level,
    base: { role, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}

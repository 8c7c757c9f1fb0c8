/**
 * Notifies systemd (Type=notify) that this process is ready, that its event loop is alive
 * (WatchdogSec=), and that it stops. It uses `systemd-notify`, because Node has no unix datagram
 * sockets. Without NOTIFY_SOCKET it does nothing.
 */
import { execFile } from 'node:child_process';
import { notifyConfig } from '../../engine/config/config.js';
import type { Logger } from '../../engine/util/log.js';

const NOTIFY_MS_MAX = 5_000;
/** Beats in one watchdog interval. */
const BEATS = 3;

export class ServiceManager {
  readonly #logger: Logger;
  readonly #isThere: boolean;
  #beat: NodeJS.Timeout | undefined;
  #isTelling = false;

  /** Says READY and begins to beat. */
  static started(logger: Logger): ServiceManager {
    return new ServiceManager(logger);
  }

  private constructor(logger: Logger) {
    this.#logger = logger;
    const config = notifyConfig();
    this.#isThere = config !== undefined;
    this.#tell('READY=1');
    if (!config || config.watchdogMs <= 0) return;
    this.#beat = setInterval(() => {
      if (!this.#isTelling) this.#tell('WATCHDOG=1');
    }, config.watchdogMs / BEATS).unref();
  }

  stopping(): void {
    clearInterval(this.#beat);
    this.#tell('STOPPING=1');
  }

  #tell(state: string): void {
    if (!this.#isThere) return;
    this.#isTelling = true;
    execFile('systemd-notify', [state], { timeout: NOTIFY_MS_MAX }, (error) => {
      this.#isTelling = false;
      if (error) this.#logger.warn({ state, reason: error.message }, 'systemd was not told');
    });
  }
}

/** A second provider for proofs: another simulator, with a ledger and faults of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childEnvironment } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';
import { type Running, startChild } from '../local/child.js';
import { freePorts } from './engine-process.js';
import { until } from './system.js';

const READY_MS_MAX = 20_000;
const STOP_MS_MAX = 5_000;

export class SecondSimulator {
  readonly url: string;
  readonly #dir: string;
  readonly #child: Running;

  private constructor(url: string, dir: string, child: Running) {
    this.url = url;
    this.#dir = dir;
    this.#child = child;
  }

  static async start(): Promise<SecondSimulator> {
    const [port] = await freePorts(1);
    const dir = mkdtempSync(join(tmpdir(), 'tollgate-second-'));
    const args = [packageFile('ops/cli/tollgate.mjs'), 'simulator'];
    const env = childEnvironment({
      TOLLGATE_HOME: dir,
      TOLLGATE_SIMULATOR_DIR: join(dir, 'ledger'),
      TOLLGATE_SIMULATOR_PORT: `${port}`,
      // It has no webhooks: what it finishes later is found by asking.
      TOLLGATE_WEBHOOK_URL: `http://127.0.0.1:${port}/none`,
    });
    const child = startChild(process.execPath, args, join(dir, 'simulator.log'), { env });
    const url = `http://127.0.0.1:${port}`;
    await until('the second simulator is ready', READY_MS_MAX, async () =>
      fetch(`${url}/healthz`).then(
        (response) => response.ok,
        () => false,
      ),
    );
    return new SecondSimulator(url, dir, child);
  }

  /** Settings of a processor that sends EUR to `simulator_b`, and USD to the first. */
  settings(fallback: boolean): Record<string, string> {
    const route = (currency: string, provider: string, other: string): object => ({
      currency,
      provider,
      ...(fallback ? { fallback: [other] } : {}),
    });
    return {
      TOLLGATE_SIMULATORS: JSON.stringify({ simulator_b: this.url }),
      TOLLGATE_ROUTES: JSON.stringify([
        route('EUR', 'simulator_b', 'simulator'),
        route('USD', 'simulator', 'simulator_b'),
      ]),
    };
  }

  async stop(): Promise<void> {
    await this.#child.stop('SIGTERM', STOP_MS_MAX);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

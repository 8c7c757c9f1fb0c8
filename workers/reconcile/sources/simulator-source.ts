/** Settlement reports of a provider that speaks the simulator's API: CSV over HTTP. */
import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { EngineError } from '../../../engine/core/errors.js';
import { type Period, reportsFor } from '../calendar.js';
import type { Report, SettlementSource } from './source.js';

const CONNECT_MS_MAX = 5_000;
const SILENCE_MS_MAX = 60_000;

export class SimulatorSource implements SettlementSource {
  readonly provider: string;
  readonly #url: string;

  constructor(provider: string, url: string) {
    this.provider = provider;
    this.#url = url;
  }

  async reports(period: Period, from: Date): Promise<readonly Report[]> {
    return reportsFor(period, from).map((it) => ({
      name: `${it}.csv`,
      amounts: 'minor',
      open: () => this.#open(`${this.#url}/settlements/${it}.csv`),
    }));
  }

  async #open(url: string): Promise<Readable> {
    const dispatcher = new Agent({
      connect: { timeout: CONNECT_MS_MAX },
      headersTimeout: SILENCE_MS_MAX,
      bodyTimeout: SILENCE_MS_MAX,
    });
    const answer = await request(url, { dispatcher });
    answer.body.once('close', () => void dispatcher.destroy());
    if (answer.statusCode === 200) return answer.body;
    answer.body.destroy();
    throw new EngineError('report_unavailable', `${url} answered ${answer.statusCode}`, {
      canRetry: true,
    });
  }
}

/**
 * Settlement reports of a provider that speaks the simulator's API: CSV over HTTP. Read by
 * Node's own client: undici parses everything that is buffered again after each pause, so a
 * report that comes as one chunk per row takes minutes.
 */
import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, get as httpsGet } from 'node:https';
import type { Readable } from 'node:stream';
import { EngineError } from '../../../engine/util/errors.js';
import { type Period, reportsFor } from '../calendar.js';
import type { Report, SettlementSource } from './source.js';

const CONNECT_MS_MAX = 5_000;
/** No byte for so long, from the request to the last row. */
const SILENCE_MS_MAX = 60_000;

export class SimulatorSource implements SettlementSource {
  readonly provider: string;
  readonly isAssumed: boolean;
  readonly #url: string;

  constructor(provider: string, url: string, isAssumed = false) {
    this.provider = provider;
    this.isAssumed = isAssumed;
    this.#url = url;
  }

  async reports(period: Period, from: Date): Promise<readonly Report[]> {
    return reportsFor(period, from).map((report) => ({
      name: `${report}.csv`,
      amounts: 'minor',
      open: () => openReport(`${this.#url}/settlements/${report}.csv`),
    }));
  }
}

/** Throws EngineError `report_unavailable`. The body errs when the answer is cut short. */
async function openReport(url: string): Promise<Readable> {
  const answer = await answerOf(url).catch((error: Error & { code?: string }) => {
    const why = error.message || error.code || error.name;
    throw new EngineError('report_unavailable', `${url} cannot be fetched: ${why}`, {
      cause: error,
      canRetry: true,
    });
  });
  if (answer.statusCode === 200) return answer;
  answer.destroy();
  throw new EngineError('report_unavailable', `${url} answered ${answer.statusCode}`, {
    canRetry: true,
  });
}

function answerOf(url: string): Promise<IncomingMessage> {
  const isTls = new URL(url).protocol === 'https:';
  const agent = isTls ? new HttpsAgent() : new HttpAgent();
  return new Promise((resolve, reject) => {
    const asked = (isTls ? httpsGet : httpGet)(url, { agent, timeout: SILENCE_MS_MAX }, resolve);
    const giveUp = (ms: number): void => void asked.destroy(new Error(`nothing within ${ms} ms`));
    const timer = setTimeout(giveUp, CONNECT_MS_MAX, CONNECT_MS_MAX);
    asked.once('socket', (socket) =>
      socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(timer)),
    );
    asked.once('timeout', () => giveUp(SILENCE_MS_MAX));
    asked.once('close', () => clearTimeout(timer));
    asked.on('error', reject);
  });
}

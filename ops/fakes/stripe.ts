/**
 * Stand-ins for Stripe that are not ours, as processes on loopback: stripe-mock knows the
 * shape of every request and keeps nothing; localstripe keeps payments, in memory. Set-up
 * puts both into the cache (ops/setup/stripe/stand-ins.sh).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stackConfig } from '../../engine/config/config.js';
import { EngineError } from '../../engine/util/errors.js';
import { accepts, becomes, type Running, startChild } from '../local/child.js';

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 3_000;
/** localstripe's own command listens on every address; its application does not have to. */
const LOCALSTRIPE = `
import sys
from aiohttp import web
from localstripe.server import app
web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)`;

export interface StandIn {
  readonly url: string;
  stop(): Promise<void>;
}

export function startStripeMock(port: number, log: string): Promise<StandIn> {
  const program = cached('stripe-mock/stripe-mock', 'stripe-mock, which needs Go 1.22 or newer');
  const child = startChild(program, ['-http-addr', `127.0.0.1:${port}`], log);
  return ready(child, port, log);
}

export function startLocalstripe(port: number, log: string): Promise<StandIn> {
  const program = cached('localstripe/bin/python', 'localstripe, which needs Python 3 with venv');
  return ready(startChild(program, ['-c', LOCALSTRIPE, `${port}`], log), port, log);
}

function cached(path: string, what: string): string {
  const program = join(stackConfig().cacheDir, path);
  if (existsSync(program)) return program;
  throw new EngineError(
    'stand_in_missing',
    `${program} is missing: \`make stand-ins\` installs ${what}.`,
  );
}

async function ready(child: Running, port: number, log: string): Promise<StandIn> {
  if (!(await becomes(() => accepts(port), child, START_MS_MAX))) {
    await child.stop('SIGKILL', STOP_MS_MAX);
    throw new EngineError('stand_in_start_failed', `nothing listens on port ${port}: see ${log}.`);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => child.stop('SIGTERM', STOP_MS_MAX),
  };
}

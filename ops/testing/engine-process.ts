/** An engine as a real process on free ports, for tests that start, kill and restart it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { childEnvironment } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';
import { type AdminHeaders, adminHeaders } from '../client/admin-headers.js';

const READY_MS_MAX = 40_000;
const POLL_MS = 20;

export interface EngineProcess {
  readonly api: string;
  readonly admin: string;
  /** For its admin port: the token of the role admin. */
  readonly headers: AdminHeaders;
  readonly child: ChildProcess;
  /** What it has written to stdout and stderr so far. */
  output(): string;
  metric(name: string): Promise<number>;
  /** Sends the signal and resolves with the exit code (null after a signal). */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts the command line's `engine`; resolves when it is ready, rejects with its output if it ends. */
export async function startEngineProcess(settings: Record<string, string>): Promise<EngineProcess> {
  const [apiPort, adminPort] = await freePorts(2);
  const tokens = join(settings['TOLLGATE_DATA_DIR'] ?? '.run', 'admin-tokens.json');
  const child = spawn(process.execPath, [packageFile('ops/cli/tollgate.mjs'), 'engine'], {
    env: childEnvironment({
      TOLLGATE_PROVIDERS: 'simulator,stripe,wallet',
      TOLLGATE_API_PORT: `${apiPort}`,
      TOLLGATE_ADMIN_PORT: `${adminPort}`,
      TOLLGATE_ADMIN_TOKENS_FILE: tokens,
      ...settings,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  const engine: EngineProcess = {
    api: `http://127.0.0.1:${apiPort}`,
    admin: `http://127.0.0.1:${adminPort}`,
    get headers() {
      return adminHeaders(settings['TOLLGATE_ADMIN_TOKENS_FILE'] ?? tokens, 'admin');
    },
    child,
    output: () => text,
    async metric(name) {
      const page = await (await fetch(`${engine.admin}/metrics`)).text();
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(page)?.[1]);
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exited = once(child, 'exit');
      child.kill(signal);
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
  const giveUpAt = Date.now() + READY_MS_MAX;
  while (!(await isReady(engine.admin))) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      child.kill('SIGKILL');
      throw new Error(`the engine did not get ready:\n${text}`);
    }
    await sleep(POLL_MS);
  }
  return engine;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** Asks until `condition` holds; throws after `msMax`. */
export async function eventually(
  what: string,
  msMax: number,
  condition: () => Promise<boolean>,
): Promise<void> {
  const giveUpAt = Date.now() + msMax;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${msMax} ms: ${what}`);
    await sleep(POLL_MS * 5);
  }
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

async function isReady(admin: string): Promise<boolean> {
  try {
    return (await fetch(`${admin}/readyz`)).ok;
  } catch {
    return false;
  }
}

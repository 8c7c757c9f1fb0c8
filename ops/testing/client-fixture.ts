/** For tests of clients: the command line as a process, and servers that answer as told. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { childEnvironment } from '../../engine/config/config.js';
import type { Environment } from '../../engine/config/settings.js';
import { packageFile } from '../../engine/util/paths.js';

export interface Run {
  readonly code: number | null;
  readonly output: string;
  readonly ms: number;
}

export function runCli(args: readonly string[], env: Environment = {}): Promise<Run> {
  return run(process.execPath, [packageFile('ops/cli/tollgate.mjs'), ...args], env);
}

export async function run(
  command: string,
  args: readonly string[],
  env: Environment = {},
): Promise<Run> {
  const since = Date.now();
  const child = spawn(command, args, { env: childEnvironment(env) });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (entry) => (output += entry));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output, ms: Date.now() - since };
}

export interface FakeServer {
  readonly url: string;
  close(): void;
}

/** @param pem key and certificate; with it HTTPS */
export async function serve(listener: RequestListener, pem?: string): Promise<FakeServer> {
  const server: Server = pem
    ? createTls({ key: pem, cert: pem }, listener)
    : createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${pem ? 'https' : 'http'}://127.0.0.1:${port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

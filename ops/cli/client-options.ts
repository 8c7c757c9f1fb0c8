/** Options of commands that are clients of the public API: where it is, and how they prove who they are. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { clientConfig, stackConfig } from '../../engine/config/config.js';
import type { ApiOptions } from '../client/api-client.js';
import { connectionProblem } from '../client/client-errors.js';
import { clusterOf, endpointsOf } from './running.js';

export interface ClientOptions {
  readonly url?: string;
  readonly keyFile?: string;
  readonly secretFile?: string;
  readonly ca?: string;
}

/** Secrets come from a file or the environment: `ps` shows arguments to all users. */
export function asClient(command: Command): Command {
  return command
    .option('--url <url>', 'public API (default: that of the system that runs here)')
    .option('--key-file <file>', 'holds the API key (or TOLLGATE_KEY)')
    .option('--secret-file <file>', 'holds the checksum secret (or TOLLGATE_CHECKSUM_SECRET)')
    .option(
      '--ca <file>',
      'who signed the API, where that is no public authority (or TOLLGATE_CA)',
    );
}

/** Of the cluster that runs here the CA and a merchant's development key are known too. */
export function apiOptions(command: Command, given: ClientOptions): ApiOptions {
  const config = clientConfig();
  const endpoints = given.url === undefined ? endpointsOf(stackConfig()) : undefined;
  const cluster = endpoints && clusterOf(endpoints);
  const fileOf = (option: string, path: string): string => {
    try {
      return readFileSync(path, 'utf8').trim();
    } catch (error) {
      return command.error(`tollgate: ${option}: ${(error as Error).message}`, { exitCode: 2 });
    }
  };
  const isGiven = given.keyFile !== undefined || config.key !== '';
  const ca = given.ca ?? (config.ca || cluster?.ca);
  return {
    url: given.url === undefined ? endpoints!.api : httpUrl(command, given.url),
    key: given.keyFile
      ? fileOf('--key-file', given.keyFile)
      : isGiven
        ? config.key
        : (cluster?.keys['alpha'] ?? ''),
    checksumSecret: given.secretFile
      ? fileOf('--secret-file', given.secretFile)
      : config.checksumSecret,
    ...(ca ? { ca: fileOf('--ca', ca) } : {}),
  };
}

/** Without a slash at its end. */
export function httpUrl(command: Command, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '')
    return text.replace(/\/+$/, '');
  return command.error(`tollgate: --url: "${text}" is not a URL such as https://pay.example`, {
    exitCode: 2,
  });
}

export async function reaching<T>(url: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && ('code' in error || error.name === 'TimeoutError'))
      throw connectionProblem(error, 'API', url, '--url, TOLLGATE_API_PORT');
    throw error;
  }
}

/** An nginx of our own as a child process: its own configuration, prefix and end. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment } from '../../engine/config/config.js';
import { EngineError } from '../../engine/util/errors.js';
import { accepts, becomes, type OnSpawned, type Running, startChild } from './child.js';

const LISTEN_MS_MAX = 10_000;
const CHECK_MS_MAX = 10_000;
/** Debian's nginx lives where a user's PATH may not lead. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What is on disk of one nginx. */
export interface NginxFiles {
  readonly name: string;
  /** Folder of configurations, pid files and temporary files. */
  readonly dir: string;
  readonly config: string;
  /** Names to addresses, for this nginx alone; see `hostsFile`. */
  readonly hosts?: string;
}

export interface NginxOptions extends NginxFiles {
  readonly log: string;
  readonly onSpawned?: OnSpawned;
  readonly listens: { readonly address: string; readonly port: number };
}

/** Checks the configuration, starts nginx in the foreground, resolves when it listens. */
export async function startNginx(options: NginxOptions): Promise<Running> {
  const { name, listens, log } = options;
  writeNginx(options);
  checkNginx(options);
  const nginx = startChild('nginx', nginxArgs(options), log, {
    env: nginxEnvironment(options),
    onSpawned: options.onSpawned,
  });
  // Workers outlive a master that is killed, and would hold the port.
  void nginx.exited.then(() => endGroup(nginx.pid));
  const isReady = (): Promise<boolean> => accepts(listens.port, listens.address);
  if (await becomes(isReady, nginx, LISTEN_MS_MAX)) return nginx;
  await nginx.stop('SIGKILL', 1_000);
  throw new EngineError('nginx_start_failed', `nginx ${name} does not listen: see ${log}.`);
}

/** Asks nginx about the written configuration. Throws EngineError `nginx_config_refused`. */
export function checkNginx(options: NginxFiles): void {
  const check = spawnSync('nginx', [...nginxArgs(options), '-t'], {
    env: nginxEnvironment(options),
    encoding: 'utf8',
    timeout: CHECK_MS_MAX,
  });
  if (check.status === 0) return;
  const why = check.error ? `${check.error.message}: run \`make setup\`` : check.stderr;
  throw new EngineError('nginx_config_refused', `nginx refuses ${options.name}.conf: ${why}`);
}

/** Writes the configuration and the names; a running nginx takes them at SIGHUP. */
export function writeNginx(options: NginxFiles): void {
  mkdirSync(options.dir, { recursive: true });
  writeFileSync(configFile(options), options.config, { mode: 0o600 });
  if (options.hosts !== undefined) writeFileSync(hostsPath(options), options.hosts);
}

function nginxArgs(options: NginxFiles): string[] {
  return ['-p', options.dir, '-c', configFile(options)];
}

/**
 * In production the names stand in /etc/hosts or a private zone. A user's cluster on one
 * machine leaves those alone: a wrapper around the resolver reads its own file.
 */
function nginxEnvironment(options: NginxFiles): NodeJS.ProcessEnv {
  const names = { LD_PRELOAD: 'libnss_wrapper.so', NSS_WRAPPER_HOSTS: hostsPath(options) };
  return childEnvironment({ PATH, ...(options.hosts === undefined ? {} : names) });
}

function configFile({ dir, name }: NginxFiles): string {
  return join(dir, `${name}.conf`);
}

function hostsPath({ dir, name }: NginxFiles): string {
  return join(dir, `${name}.hosts`);
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}

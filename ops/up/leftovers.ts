/**
 * One supervisor a home folder. What a killed one left behind is ended before anything
 * starts: Kafka, Postgres and nginx do not notice its end, the others may still be stopping.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { STOP_WITH_PARENT } from '../../engine/core/config.js';
import { EngineError } from '../../engine/core/errors.js';

const STOP_MS_MAX = 5_000;
const SERVER_FOLDERS = [
  'data/kafka',
  'data/postgres',
  'cluster/kafka',
  'cluster/postgres',
  'cluster/nginx',
];

/** Throws EngineError `already_running` while another supervisor of this home lives. */
export async function claimHome(home: string): Promise<void> {
  mkdirSync(home, { recursive: true });
  const file = join(home, 'up.pid');
  const other = Number(readIfThere(file));
  if (other > 0 && other !== process.pid && commandOf(other).includes('tollgate')) {
    throw new EngineError(
      'already_running',
      `${home} is in use by process ${other}: stop it first.`,
    );
  }
  // Ours are built to be killed, and would wait for the servers that are about to end.
  const ours = processesOf((pid) => isOurs(pid, home));
  for (const pid of ours) kill(pid, 'SIGKILL');
  const servers = processesOf((pid) => isServer(pid, home));
  for (const pid of servers) kill(pid, 'SIGTERM');
  const giveUpAt = Date.now() + STOP_MS_MAX;
  while ([...ours, ...servers].some(isAlive) && Date.now() < giveUpAt) await sleep(50);
  for (const pid of servers.filter(isAlive)) kill(pid, 'SIGKILL');
  writeFileSync(file, `${process.pid}\n`);
}

export function releaseHome(home: string): void {
  rmSync(join(home, 'up.pid'), { force: true });
}

function processesOf(belongs: (pid: number) => boolean): number[] {
  const pids = readdirSync('/proc').filter((it) => /^\d+$/.test(it));
  return pids.map(Number).filter((pid) => pid !== process.pid && belongs(pid));
}

/** Servers whose command line names a folder inside this home. */
function isServer(pid: number, home: string): boolean {
  const command = commandOf(pid);
  return SERVER_FOLDERS.some((it) => command.includes(`${join(home, it)}/`));
}

/** An engine, processor or simulator that a supervisor of this home started. */
function isOurs(pid: number, home: string): boolean {
  const environment = readIfThere(`/proc/${pid}/environ`).split('\0');
  return [`${STOP_WITH_PARENT}=on`, `TOLLGATE_HOME=${home}`].every((it) =>
    environment.includes(it),
  );
}

function commandOf(pid: number): string {
  return readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

function isAlive(pid: number): boolean {
  return commandOf(pid) !== '';
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

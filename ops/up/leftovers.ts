/**
 * One supervisor a home folder. What a killed one left behind (Kafka and Postgres do not
 * notice its end) is stopped before anything starts.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../engine/core/errors.js';

const STOP_MS_MAX = 5_000;

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
  const left = processesOf(home);
  for (const pid of left) kill(pid, 'SIGTERM');
  const giveUpAt = Date.now() + STOP_MS_MAX;
  while (left.some(isAlive) && Date.now() < giveUpAt) await sleep(50);
  for (const pid of left.filter(isAlive)) kill(pid, 'SIGKILL');
  writeFileSync(file, `${process.pid}\n`);
}

export function releaseHome(home: string): void {
  rmSync(join(home, 'up.pid'), { force: true });
}

/** Servers whose command line names a folder inside this home. */
function processesOf(home: string): number[] {
  const folders = ['kafka', 'postgres'].map((it) => join(home, 'data', it));
  return readdirSync('/proc')
    .filter((it) => /^\d+$/.test(it) && Number(it) !== process.pid)
    .map(Number)
    .filter((pid) => folders.some((folder) => commandOf(pid).includes(`${folder}/`)));
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

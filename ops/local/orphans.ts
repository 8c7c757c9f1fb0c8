/**
 * One supervisor per home folder, by a lock that the kernel frees. A supervisor records each process
 * that it starts; the next one ends those that a killed supervisor left behind, and nothing else:
 * a process must have the recorded pid, start time and boot, and run one of our programs.
 */
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KernelLock, lockHolders, takeLock } from '../../engine/host/kernel-lock.js';
import { isRunning, type ProcessIdentity, programOf } from '../../engine/host/processes.js';
import { describeHolders } from '../../engine/host/socket-holders.js';
import { EngineError } from '../../engine/util/errors.js';
import { recordChildren } from './child.js';

const LOCK = 'home';
const STOP_MS_MAX = 5_000;
const RECORD = 'processes.json';
/** `nice` and `setpriv` become one of the others. */
const PROGRAMS = new Set(['node', 'java', 'postgres', 'nginx', 'nice', 'setpriv']);

export interface HomeClaim {
  release(): void;
}

/** Throws EngineError `already_running` while another supervisor of this home lives. */
export async function claimHome(home: string): Promise<HomeClaim> {
  mkdirSync(home, { recursive: true });
  const lock = await takeLock(LOCK, realpathSync(home));
  if (!lock) throw inUse(home);
  await endLeftovers(join(home, RECORD));
  recordChildren((children) => writeRecord(join(home, RECORD), children));
  return claimOf(home, lock);
}

/** @returns the pid of the supervisor that runs here, if one does */
export function supervisorOf(home: string): number | undefined {
  try {
    return lockHolders(LOCK, realpathSync(home))[0];
  } catch {
    return undefined; // There is no such folder.
  }
}

function claimOf(home: string, lock: KernelLock): HomeClaim {
  return {
    release() {
      recordChildren(undefined);
      rmSync(join(home, RECORD), { force: true });
      lock.release();
    },
  };
}

function inUse(home: string): EngineError {
  const holders = describeHolders(lockHolders(LOCK, realpathSync(home)));
  return new EngineError('already_running', `${home} is in use by ${holders}: stop it first.`);
}

/** Servers get time to write; our own processes are built to be killed. */
async function endLeftovers(record: string): Promise<void> {
  const left = readRecord(record).filter(isLeftover);
  for (const identity of left)
    signal(identity, programOf(identity.pid) === 'node' ? 'SIGKILL' : 'SIGTERM');
  const giveUpAt = Date.now() + STOP_MS_MAX;
  while (left.some(isRunning) && Date.now() < giveUpAt) await sleep(50);
  for (const identity of left.filter(isLeftover)) signalGroup(identity, 'SIGKILL');
}

function isLeftover(identity: ProcessIdentity): boolean {
  return isRunning(identity) && PROGRAMS.has(programOf(identity.pid));
}

function signal({ pid }: ProcessIdentity, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

/** Each child leads a group: the workers of nginx outlive a master that is killed. */
function signalGroup(identity: ProcessIdentity, name: NodeJS.Signals): void {
  signal({ ...identity, pid: -identity.pid }, name);
}

function writeRecord(path: string, children: readonly ProcessIdentity[]): void {
  writeFileSync(`${path}.next`, `${JSON.stringify(children)}\n`, { mode: 0o600 });
  renameSync(`${path}.next`, path);
}

/** A record that is torn, as by a full disk, names nothing: then nothing is ended. */
function readRecord(path: string): ProcessIdentity[] {
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(found) ? found.filter(isIdentity) : [];
  } catch {
    return [];
  }
}

function isIdentity(identity: ProcessIdentity | null): identity is ProcessIdentity {
  return (
    identity !== null &&
    identity.pid > 1 &&
    identity.startTicks > 0 &&
    typeof identity.bootId === 'string'
  );
}

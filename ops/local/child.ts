/** A child process of the local stack: its log, its exit, and a stop with a time limit. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { identityOf, type ProcessIdentity } from '../../engine/host/processes.js';

const LOG_BYTES_MAX = 64 << 20;
const PATIENT_NICE = '10';
const living = new Map<Running, ProcessIdentity | undefined>();
let record: ((children: readonly ProcessIdentity[]) => void) | undefined;

export interface Running {
  readonly pid: number;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<void>;
  hasExited(): boolean;
  /** Sends the signal, after `msMax` SIGKILL, and resolves when it has ended. */
  stop(signal: NodeJS.Signals, msMax: number): Promise<void>;
}

/** Is told the pid of a process before it serves. */
export type OnSpawned = (pid: number) => void;

export interface ChildOptions extends SpawnOptions {
  readonly onSpawned?: OnSpawned | undefined;
  /** What can wait does: where cores are shared, checkouts are accepted before they are processed. */
  readonly isPatient?: boolean;
}

/**
 * Starts a process in a group of its own, so that Ctrl-C at the terminal reaches only us.
 * Its output goes to `log`, which is emptied at a start when it has grown beyond 64 MiB.
 */
export function startChild(
  command: string,
  args: readonly string[],
  log: string,
  options: ChildOptions = {},
): Running {
  mkdirSync(dirname(log), { recursive: true });
  const fd = openSync(log, 'a', 0o600);
  if (statSync(log).size > LOG_BYTES_MAX) truncateSync(log);
  const { isPatient = false, onSpawned, ...rest } = options;
  const line = [...(isPatient ? ['nice', '-n', PATIENT_NICE] : []), command, ...args];
  const child = spawn(line[0]!, line.slice(1), {
    ...rest,
    detached: true,
    stdio: [options.stdio === 'pipe' ? 'pipe' : 'ignore', fd, fd],
  });
  closeSync(fd);
  if (isPatient && child.pid !== undefined) lowerGroup(child.pid);
  const entry = running(child);
  living.set(entry, identityOf(entry.pid));
  record?.(identities());
  onSpawned?.(entry.pid);
  void entry.exited.then(() => {
    living.delete(entry);
    record?.(identities());
  });
  return entry;
}

/** Called with all children that live whenever one starts or has ended. */
export function recordChildren(write: typeof record): void {
  record = write;
}

function identities(): ProcessIdentity[] {
  return [...living.values()].filter((identity) => identity !== undefined);
}

/** Where the scheduler shares by session, `nice` ranks only within one: each child is one. */
function lowerGroup(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, PATIENT_NICE);
  } catch {
    // A kernel without such groups: `nice` says it all.
  }
}

/** Stops every child there is, also one that is only starting. */
export async function stopLiving(msMax: number): Promise<void> {
  await Promise.all([...living.keys()].map((key) => key.stop('SIGTERM', msMax)));
}

function running(child: ChildProcess): Running {
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const hasExited = (): boolean =>
    child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    exited,
    hasExited,
    async stop(signal, msMax) {
      if (hasExited()) return;
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), msMax);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Whether something listens on this port. */
export function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const answer = (isOpen: boolean): void => {
      socket.destroy();
      done(isOpen);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}

/** Asks every 50 ms; gives up when the process has ended or after `msMax`. */
export async function becomes(
  isReady: () => Promise<boolean>,
  entry: Running,
  msMax: number,
): Promise<boolean> {
  const giveUpAt = Date.now() + msMax;
  while (!(await isReady())) {
    if (entry.hasExited() || Date.now() > giveUpAt) return false;
    await new Promise((done) => setTimeout(done, 50));
  }
  return true;
}

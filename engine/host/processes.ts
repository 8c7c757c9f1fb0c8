/**
 * Processes of this machine, read from /proc. A pid is reused after its process has ended; a pid,
 * its start time and the boot id together identify one process.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks since the boot. */
  readonly startTicks: number;
  readonly bootId: string;
}

const START_TICKS_FIELD = 22;

/** @returns undefined when there is no such process */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = readProc(`${pid}/stat`);
  // The name, field 2, may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (stat === '' || state === 'Z' || state === 'X') return undefined;
  return { pid, startTicks: Number(fields[START_TICKS_FIELD - 3]), bootId: bootId() };
}

/** Whether this very process still runs, and not another one with its pid. */
export function isRunning(identity: ProcessIdentity): boolean {
  const now = identityOf(identity.pid);
  return (
    now !== undefined && now.startTicks === identity.startTicks && now.bootId === identity.bootId
  );
}

/** The file name of its program; '' where we may not see it. */
export function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '');
  } catch {
    return '';
  }
}

/** For messages, such as `process 4711 (node engine.js)`. */
export function describeProcess(pid: number): string {
  const command = readProc(`${pid}/cmdline`).replaceAll('\0', ' ').trim();
  return `process ${pid}${command === '' ? '' : ` (${command.slice(0, COMMAND_CHARS_MAX)})`}`;
}

const COMMAND_CHARS_MAX = 100;

function bootId(): string {
  return readProc('sys/kernel/random/boot_id').trim();
}

/** @returns '' when it is gone or hidden */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}

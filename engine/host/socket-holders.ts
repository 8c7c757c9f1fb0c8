/**
 * Finds the process that holds a socket: looks up the socket's inode in the kernel's tables and
 * the process that has it open.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describeProcess } from './processes.js';

const LISTEN = '0A';

/** @returns pids that listen on this TCP port, on any address, as far as we may see them */
export function listenersOn(port: number): number[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = ['tcp', 'tcp6'].flatMap((table) =>
    rowsOf(table)
      .filter(([, local, , state]) => local?.endsWith(`:${hex}`) && state === LISTEN)
      .map((row) => row[9]!),
  );
  return holdersOf(inodes);
}

/** @param name without the leading null byte */
export function holdersOfAbstract(name: string): number[] {
  const rows = rowsOf('unix').filter((row) => row[7]?.replace(/@+$/, '') === `@${name}`);
  return holdersOf(rows.map((row) => row[6]!));
}

/** For messages: `process 4711 (node …)`, or what is known of one that belongs to another user. */
export function describeHolders(pids: readonly number[]): string {
  return pids.length === 0
    ? 'a process that this user may not see'
    : pids.map(describeProcess).join(' and ');
}

function rowsOf(table: string): string[][] {
  try {
    const text = readFileSync(`/proc/net/${table}`, 'utf8');
    return text
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/));
  } catch {
    return []; // A machine without IPv6 has no tcp6.
  }
}

function holdersOf(inodes: readonly string[]): number[] {
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`));
  if (links.size === 0) return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => filesOf(pid).some((link) => links.has(link))).map(Number);
}

/** What a process has open; nothing of another user's. */
function filesOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // Closed since.
  }
}

/** The last thing that a process said in its log, for the sentence that reports its end. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

const BYTES_MAX = 16 * 1024;
const CHARS_MAX = 300;
/** Frames of a stack, what surrounds them, and Node's last line. */
const NOISE = /^\s*(at .*|Node\.js v.*|[{}^]*|\.\.\. \d+ more)$/;

/** Where the next line will be: given to `startProblem`, so that an earlier run is not quoted. */
export function logEnd(log: string): number {
  return statSync(log, { throwIfNoEntry: false })?.size ?? 0;
}

/** @returns `<what>: <its last line>; log: <file>` */
export function startProblem(what: string, log: string, from: number): string {
  const words = lastWords(log, from);
  return words === '' ? `${what}: see ${log}.` : `${what}: ${words}; log: ${log}`;
}

function lastWords(log: string, from: number): string {
  let fd: number;
  try {
    fd = openSync(log, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(fd);
    // A log that was emptied at the start begins anew.
    const start = Math.max(size < from ? 0 : from, size - BYTES_MAX);
    const bytes = Buffer.alloc(size - start);
    readSync(fd, bytes, 0, bytes.length, start);
    const lines = bytes.toString('utf8').split('\n');
    const last = lines.findLast((line) => line.trim() !== '' && !NOISE.test(line)) ?? '';
    return wordsOf(last).slice(0, CHARS_MAX);
  } finally {
    closeSync(fd);
  }
}

/** Of a line of ours, which is JSON, the message and the error's. */
function wordsOf(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
    return [msg, err?.message].filter((name) => name !== undefined).join(': ') || line;
  } catch {
    return line
      .trim()
      .replace(/^- /, '')
      .replace(/^tollgate: /, '');
  }
}

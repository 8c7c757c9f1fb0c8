/**
 * The progress of a long command: one line that is rewritten on a terminal, else a line at
 * intervals.
 */
import type { Progress } from '../../workers/reconcile/run.js';

const WIDTH = 24;
const REDRAW_MS = 100;
const LINE_MS = 5_000;

export class ProgressBar {
  readonly #title: string;
  #drawnAt = 0;

  constructor(title: string) {
    this.#title = title;
  }

  show(progress: Progress): void {
    const everyMs = process.stderr.isTTY ? REDRAW_MS : LINE_MS;
    if (Date.now() - this.#drawnAt < everyMs) return;
    this.#drawnAt = Date.now();
    const line = `${this.#title} ${progress.step.padEnd(6)} ${barOf(progress.share)} ${progress.what}`;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}

function barOf(share: number | undefined): string {
  if (share === undefined) return `[${'.'.repeat(WIDTH)}]     `;
  const full = Math.round(Math.min(1, share) * WIDTH);
  const percent = `${Math.round(Math.min(1, share) * 100)} %`;
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${percent.padStart(5)}`;
}

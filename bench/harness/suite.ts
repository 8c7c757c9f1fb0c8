/**
 * A suite: one part of the system beside the best known thing for the same work. The stage gives
 * it sizes for the whole and the quick form, a folder of its own, progress, and collects its rows.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../engine/util/paths.js';
import type { Latency, LoadReport } from '../load/report.js';
import {
  machine,
  type Row,
  type RowInput,
  rowOf,
  type Step,
  type SuiteResult,
  textOf,
} from './result.js';

export interface Suite {
  readonly name: string;
  /** What is measured, in one sentence. */
  readonly measures: string;
  readonly run: (stage: Stage) => Promise<void>;
}

/** A check after the load failed: the figures are worth nothing. */
export class WrongResult extends Error {}

const stages = new Set<Stage>();

export function disposeAll(): void {
  for (const stage of stages) stage.dispose();
}

export class Stage {
  readonly suite: string;
  readonly isQuick: boolean;
  readonly #rows: Row[] = [];
  readonly #latency: Latency[] = [];
  readonly #logs: string[] = [];
  readonly #notes: string[] = [];
  #waterfall: readonly Step[] = [];
  readonly #folder: string;

  constructor(suite: string, isQuick: boolean) {
    this.suite = suite;
    this.isQuick = isQuick;
    this.#folder = mkdtempSync(join(tmpdir(), `tollgate-bench-${suite}-`));
    stages.add(this);
  }

  /** Rounds of the medians. */
  get rounds(): number {
    return this.size(1, 5);
  }

  /** The number of the quick or of the whole form. */
  size(quick: number, whole: number): number {
    return this.isQuick ? quick : whole;
  }

  /** A folder of this run, removed at its end. */
  folder(name: string): string {
    const path = join(this.#folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  say(line: string): void {
    console.log(`  ${line}`);
  }

  row(input: RowInput): Row {
    const row = rowOf(input);
    this.#rows.push(row);
    this.say(textOf(row));
    return row;
  }

  latency(name: string, report: LoadReport): Latency {
    const { hdr, ...figures } = report;
    const latency: Latency = { name, ...figures };
    this.#latency.push(latency);
    this.#logs.push(hdr(name));
    const { p50, p99, p99_9, rate_achieved, rate_target, client_late_p99 } = latency;
    this.say(
      `${name}: ${Math.round(rate_achieved)} of ${rate_target}/s, p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} p99.9 ${p99_9.toFixed(2)} ms (client late p99 ${client_late_p99.toFixed(2)})`,
    );
    for (const [what, count] of Object.entries(latency.failures))
      this.say(`  ${count} answers: ${what}`);
    return latency;
  }

  waterfall(steps: readonly Step[]): void {
    this.#waterfall = steps;
    for (const { name, from, to } of steps)
      this.say(`${name.padEnd(34)} ${from.toFixed(2)} to ${to.toFixed(2)} ms`);
  }

  note(line: string): void {
    this.#notes.push(line);
    this.say(line);
  }

  /** A check of correctness after the load. */
  must(holds: boolean, what: string): asserts holds {
    if (!holds) throw new WrongResult(what);
  }

  /**
   * Ours and the rival in turns; the first round warms up and is dropped.
   * @returns samples of both
   */
  async inTurns(
    ours: (round: number) => Promise<number>,
    rival: (round: number) => Promise<number>,
    rounds = this.rounds,
  ): Promise<{ ours: number[]; rival: number[] }> {
    const samples = { ours: [] as number[], rival: [] as number[] };
    for (let round = -1; round < rounds; round++) {
      const a = await ours(round);
      const b = await rival(round);
      if (round < 0) continue;
      samples.ours.push(a);
      samples.rival.push(b);
    }
    return samples;
  }

  /** Writes bench/results/<suite>.json and its HDR log. */
  finish(): SuiteResult {
    const result: SuiteResult = {
      suite: this.suite,
      at: new Date().toISOString(),
      quick: this.isQuick,
      machine: machine(),
      rows: this.#rows,
      latency: this.#latency,
      waterfall: this.#waterfall,
      notes: this.#notes,
    };
    const folder = packageFile('bench/results');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${this.suite}.json`), `${JSON.stringify(result, null, 1)}\n`);
    if (this.#logs.length > 0)
      writeFileSync(join(folder, `${this.suite}.hlog`), `${this.#logs.join('\n')}\n`);
    return result;
  }

  dispose(): void {
    stages.delete(this);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

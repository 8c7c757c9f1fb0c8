/** kill -9 under load, again and again: of the engine, of the processor. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { auditAll } from '../../testing/audit.js';
import { post } from '../../testing/checkout-client.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';
import { load, mustAllSucceed } from '../acceptance/rate.js';

const READY_MS_MAX = 5_000;
const BETWEEN_MS = 3_000;

export const killEngine: Proof = {
  name: 'kill-engine',
  shows: 'ten times kill -9 of the engine at 1 000/s: ready in 5 s, same bytes, one charge each',
  run: (stage) => killUnderLoad(stage, 'engine'),
};

export const killProcessor: Proof = {
  name: 'kill-processor',
  shows: 'ten times kill -9 of the processor at 1 000/s: nothing lost, nothing charged twice',
  run: (stage) => killUnderLoad(stage, 'processor'),
};

async function killUnderLoad(stage: Stage, name: 'engine' | 'processor'): Promise<void> {
  const kills = stage.size(2, 10);
  const rate = stage.size(250, 1_000);
  const count = rate * stage.size(6, 40);
  const settings = { TOLLGATE_PSP_TIMEOUT_MS: '2000', TOLLGATE_MARK_INTERVAL_MS: '100' };
  const system = await LocalSystem.start({ settings });
  const log = new AnswerLog();
  try {
    const loading = load(system, `kill-${name}`, count, rate, (id, body) => log.add(id, body));
    const readyAfter: number[] = [];
    for (let i = 0; i < kills; i++) {
      await sleep(stage.size(1_500, BETWEEN_MS));
      readyAfter.push(await system.killAndWait(name));
    }
    stage.figure(
      `${name} killed, ready again after`,
      readyAfter.map((value) => `${value} ms`).join(' '),
    );
    stage.must(Math.max(...readyAfter) <= READY_MS_MAX, 'one start took longer than 5 s');
    const result = await loading;
    stage.figure('accepted, tries repeated', `${result.accepted.length}, ${result.retries}`);
    mustAllSucceed(stage, result, count);
    await sameBytes(stage, system, log);
    await auditAll(stage, system, result.accepted, { allowRepeats: true });
  } finally {
    log.close();
    await system.stop();
  }
}

async function sameBytes(stage: Stage, system: LocalSystem, log: AnswerLog): Promise<void> {
  const queue = log.answers.entries();
  let different = 0;
  const reader = async (): Promise<void> => {
    for (const [id, body] of queue) {
      const again = await post(system.endpoints.api, id);
      if (again.body !== body || again.headers.get('Idempotent-Replayed') !== 'true') different++;
    }
  };
  await Promise.all(Array.from({ length: 16 }, reader));
  stage.figure('asked again / different bytes', `${log.answers.size} / ${different}`);
  stage.must(different === 0, `${different} answers differ from the first`);
}

/** What the client was told, on disk before it goes on. */
class AnswerLog {
  readonly answers = new Map<string, string>();
  readonly #dir = mkdtempSync(join(tmpdir(), 'tollgate-answers-'));
  readonly #fd = openSync(join(this.#dir, 'answers.log'), 'a');
  readonly #timer = setInterval(() => fdatasyncSync(this.#fd), 100);

  add(id: string, body: string): void {
    writeSync(this.#fd, `${id} ${body}\n`);
    this.answers.set(id, body);
  }

  close(): void {
    clearInterval(this.#timer);
    closeSync(this.#fd);
    rmSync(this.#dir, { recursive: true });
  }
}

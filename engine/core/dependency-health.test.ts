import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DependencyHealth } from './dependency-health.js';
import type { Logger } from './log.js';

const LOST_AFTER_MS = 3_000;

describe('the health of a dependency', { timeout: 60_000 }, () => {
  const watched = (answers: () => boolean, isWaiting: () => boolean = () => false) => {
    const lines: string[] = [];
    const logger = { warn: (_: object, line: string) => lines.push(line) } as unknown as Logger;
    let probes = 0;
    const health = new DependencyHealth({
      name: 'kafka',
      use: 'test',
      lostAfterMs: LOST_AFTER_MS,
      logger,
      isWaiting,
      probe: async () => {
        probes++;
        if (!answers()) await new Promise(() => {});
      },
    });
    const lost = lines.filter.bind(lines, (line) => line.includes('lost'));
    const back = lines.filter.bind(lines, (line) => line.includes('back'));
    return { health, lost, back, probes: () => probes };
  };

  it('should be lost after the stated silence and back at the next answer, each logged once', async () => {
    let answers = true;
    const { health, lost, back } = watched(() => answers);
    assert.equal(health.isWell, false, 'it has not answered yet');
    await sleep(LOST_AFTER_MS);
    assert.equal(health.isWell, true, 'a probe was answered while the system was idle');
    for (let round = 1; round <= 2; round++) {
      answers = false;
      await sleep(2 * LOST_AFTER_MS + 2_000);
      assert.equal(health.isWell, false);
      assert.equal(lost().length, round);
      answers = true;
      health.succeeded();
      assert.equal(health.isWell, true);
      assert.equal(back().length, round);
    }
    health.stop();
  });

  it('should not be kept well by probes while work waits', async () => {
    let waits = true;
    const { health, lost } = watched(
      () => true,
      () => waits,
    );
    health.succeeded();
    await sleep(LOST_AFTER_MS + 1_500);
    assert.equal(health.isWell, false);
    assert.equal(lost().length, 1);
    waits = false;
    await sleep(3_000);
    assert.equal(health.isWell, true);
    health.stop();
  });

  it('should not probe while there is other success', async () => {
    const { health, probes } = watched(() => false);
    const timer = setInterval(() => health.succeeded(), 200);
    await sleep(LOST_AFTER_MS * 1.5);
    assert.equal(health.isWell, true);
    assert.equal(probes(), 0);
    clearInterval(timer);
    health.stop();
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DependencyHealth, type ReplaceableClient } from './dependency-health.js';
import type { Logger } from './log.js';

const LOST_AFTER_MS = 3_000;
/** A little longer than a client has to recover by itself. */
const SETTLED_MS = 3_000;

describe('the health of a dependency', { timeout: 60_000, concurrency: true }, () => {
  const watched = (
    answers: () => boolean,
    isWaiting: () => boolean = () => false,
    client?: ReplaceableClient,
  ) => {
    const lines: string[] = [];
    const logger = { warn: (_: object, line: string) => lines.push(line) } as unknown as Logger;
    let probes = 0;
    const health = new DependencyHealth({
      name: 'kafka',
      use: 'test',
      lostAfterMs: LOST_AFTER_MS,
      logger,
      isWaiting,
      ...(client && { client }),
      probe: async () => {
        probes++;
        if (!answers()) await new Promise(() => {});
      },
    });
    const lost = lines.filter.bind(lines, (line) => line.includes('lost'));
    const back = lines.filter.bind(lines, (line) => line.includes('back'));
    return { health, lost, back, probes: () => probes };
  };

  const stuckClient = (isWaiting = () => false) => {
    let state = { isStuck: true, isAway: false };
    let replaced = 0;
    const client: ReplaceableClient = {
      askAnew: () => (state.isAway ? Promise.reject(new Error('away')) : Promise.resolve()),
      replace: () => replaced++,
    };
    const set = (change: Partial<typeof state>): unknown => (state = { ...state, ...change });
    const answers = (): boolean => {
      if (state.isStuck || state.isAway) throw new Error('no answer');
      return true;
    };
    return { ...watched(answers, isWaiting, client), replaced: () => replaced, set };
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

  it('should replace a client that gets no answer while the dependency answers others', async () => {
    const { health, lost, replaced, set } = stuckClient();
    health.succeeded();
    await sleep(LOST_AFTER_MS + SETTLED_MS);
    assert.deepEqual([lost().length, replaced()], [1, 1]);
    await sleep(LOST_AFTER_MS);
    assert.equal(replaced(), 2, 'the new client is stuck too');
    set({ isStuck: false });
    await sleep(LOST_AFTER_MS);
    assert.equal(health.isWell, true);
    assert.equal(replaced(), 2);
    health.stop();
  });

  it('should keep the client while the dependency answers nobody', async () => {
    const { health, lost, replaced, set } = stuckClient();
    set({ isAway: true });
    await sleep(2 * LOST_AFTER_MS + SETTLED_MS);
    assert.deepEqual([lost().length, replaced()], [1, 0]);
    health.stop();
  });

  it('should keep a client that recovers soon after the dependency, and one that is answered', async () => {
    const { health, replaced, set } = stuckClient();
    await sleep(LOST_AFTER_MS + 500);
    set({ isStuck: false });
    await sleep(SETTLED_MS);
    assert.deepEqual([health.isWell, replaced()], [true, 0]);
    health.stop();
    const slow = stuckClient(() => true);
    slow.set({ isStuck: false });
    await sleep(LOST_AFTER_MS + SETTLED_MS);
    assert.deepEqual([slow.health.isWell, slow.replaced()], [false, 0]);
    slow.health.stop();
  });
});

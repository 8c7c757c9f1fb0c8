import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PostgresClock } from './clock.js';

const DAY = 86_400_000;
const SKEW_MAX = 5_000;
const T = 100 * DAY;

/** Three clocks that the test moves. */
class World {
  postgresMs = T;
  wallMs = T;
  monotonic = 7;
  isAway = false;
  /** Of the next answers, on their way to us. */
  readonly delays: number[] = [];
  readonly clock = new PostgresClock(SKEW_MAX, async () => this.#answer(), {
    wallMs: () => this.wallMs,
    monotonicMs: () => this.monotonic,
  });

  pass(ms: number): void {
    this.postgresMs += ms;
    this.wallMs += ms;
    this.monotonic += ms;
  }

  #answer(): number {
    if (this.isAway) throw new Error('away');
    const answer = this.postgresMs;
    this.pass(this.delays.shift() ?? 0);
    return answer;
  }
}

async function started(): Promise<World> {
  const world = new World();
  await world.clock.refresh();
  return world;
}

describe('the time by which payments are decided', () => {
  it('should be that of Postgres, whatever this host believes', async () => {
    const world = await started();
    for (const step of [60_000, DAY, -DAY, -60_000]) {
      world.wallMs += step;
      assert.equal(world.clock.now, T);
      assert.equal(world.clock.agrees, false);
      assert.equal(world.clock.skewMs, step);
      world.wallMs -= step;
      assert.equal(world.clock.agrees, true);
    }
    world.pass(700);
    assert.equal(world.clock.now, T + 700);
  });

  it('should agree with nothing before Postgres has answered', () => {
    assert.equal(new World().clock.agrees, false);
  });

  it('should ask again after a second, and fail rather than guess', async () => {
    const world = await started();
    world.pass(1_001);
    world.isAway = true;
    await assert.rejects(world.clock.refresh(), /away/);
    world.isAway = false;
    await world.clock.refresh();
    assert.equal(world.clock.now, T + 1_001);
  });

  for (const step of [DAY, -DAY, 60_000]) {
    it(`should not believe what Postgres dated before its clock stepped by ${step} ms`, async () => {
      const world = await started();
      const dated = world.clock.now;
      world.pass(2_000);
      world.postgresMs += step;
      await world.clock.refresh();
      assert.equal(world.clock.agrees, false);
      // The host follows, as when both share one machine.
      world.wallMs += step;
      assert.equal(world.clock.agrees, true);
      assert.equal(world.clock.trustedSince, T + 2_000 + step);
      assert.equal(world.clock.isTrusted(dated), false);
      assert.equal(world.clock.isTrusted(world.clock.now), true);
    });
  }

  it('should take a slow answer for slow, and not for a step back', async () => {
    const world = await started();
    world.pass(20_000);
    const late = world.monotonic - 10_000;
    world.clock.observe(world.postgresMs - 9_000, late);
    assert.equal(world.clock.trustedSince, 0);
    assert.ok(Math.abs(world.clock.skewMs) <= 50, `${world.clock.skewMs}`);
    world.clock.observe(world.postgresMs - 30_000, late);
    assert.equal(world.clock.agrees, false);
    assert.ok(world.clock.trustedSince > 0);
  });

  it('should ask again when the answer was long on its way', async () => {
    const world = new World();
    world.delays.push(9_000, 8_000, 10);
    await world.clock.refresh();
    assert.equal(world.clock.agrees, true);
    assert.equal(world.clock.trustedSince, 0);
    assert.ok(Math.abs(world.clock.skewMs) <= 50, `${world.clock.skewMs}`);
  });

  it('should take small differences for none', async () => {
    const world = await started();
    world.pass(2_000);
    world.postgresMs += 3_000;
    await world.clock.refresh();
    assert.equal(world.clock.trustedSince, 0);
    assert.equal(world.clock.agrees, true);
    assert.equal(world.clock.isTrusted(T), true);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planWithout, type StackPlan } from './stack.js';
import type { ComponentSpec } from './supervisor.js';

const spec = (name: string): ComponentSpec => ({
  name,
  start: () => Promise.reject(new Error('never started')),
  stopSignal: 'SIGTERM',
  stopMsMax: 1,
});
const groups = [[spec('kafka')], [spec('engine-0'), spec('engine-1')]];
const plan: StackPlan<never> = {
  home: '/',
  ports: [],
  groups,
  more: () => groups,
  endpointsOf: () => {
    throw new Error('never asked');
  },
};
const names = (all: readonly (readonly ComponentSpec[])[]): string[] =>
  all.flat().map((componentSpec) => componentSpec.name);

describe('a plan without some of its processes', () => {
  it('should leave them out at the start and at every growth', () => {
    const less = planWithout(plan, ['engine-1']);
    assert.deepEqual(names(less.groups), ['kafka', 'engine-0']);
    assert.deepEqual(names(less.more!()), ['kafka', 'engine-0']);
  });

  it('should refuse a name that is not there, with those that are', () => {
    assert.throws(() => planWithout(plan, ['engine']), /engine: the processes are kafka, engine-0/);
  });
});

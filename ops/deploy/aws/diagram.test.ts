import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { diagramOf, hostsOf, STEPS } from './diagram.js';
import { synthesise } from './synth.js';

describe('the deployment diagram of ARCHITECTURE.md', () => {
  const { template, remove } = synthesise();
  after(remove);
  const steps = Array.from({ length: STEPS }, (_, i) => i + 1);

  it('should tell and draw every step of the flow', () => {
    const { told, drawn } = diagramOf();
    assert.deepEqual(told, steps);
    assert.deepEqual(
      [...drawn].sort((a, b) => a - b),
      steps,
    );
  });

  it('should have the hosts of the template, no more and no less', () => {
    assert.deepEqual(Object.fromEntries(diagramOf().hosts), Object.fromEntries(hostsOf(template)));
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeAdvisories } from './advisories.js';

const weakness = (name: string, severity: string) => ({ [name]: { name, severity, range: '<2' } });

describe("the registry's advisories", () => {
  it('should refuse packages with a weakness rated high or critical, and name them', () => {
    const vulnerabilities = {
      ...weakness('a', 'high'),
      ...weakness('b', 'critical'),
      ...weakness('c', 'moderate'),
    };
    assert.deepEqual(judgeAdvisories(JSON.stringify({ vulnerabilities })), {
      kind: 'refused',
      packages: ['a <2 (high)', 'b <2 (critical)'],
    });
  });

  it('should pass lesser ones, by name', () => {
    const answer = JSON.stringify({ vulnerabilities: weakness('c', 'moderate') });
    assert.deepEqual(judgeAdvisories(answer), { kind: 'passed', lesser: ['c <2 (moderate)'] });
    assert.deepEqual(judgeAdvisories('{"vulnerabilities":{}}'), { kind: 'passed', lesser: [] });
  });

  it('should not take an audit that did not happen for a passed one', () => {
    const refused = { message: '405 Method Not Allowed', error: { summary: '' } };
    const why = '405 Method Not Allowed';
    assert.deepEqual(judgeAdvisories(JSON.stringify(refused)), { kind: 'unknown', why });
    assert.equal(judgeAdvisories('').kind, 'unknown');
    assert.equal(judgeAdvisories('{}').kind, 'unknown');
  });
});

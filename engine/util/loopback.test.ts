import assert from 'node:assert/strict';
import { it } from 'node:test';
import { namesThisMachine } from '../admin/admin-server.js';
import { isLoopback } from './loopback.js';

for (const [host, expected] of [
  ['localhost', true],
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['127.0.0.1.evil.example', false],
  ['127.0.0.999', false],
  ['localhost.evil.example', false],
  ['', false],
] as const)
  it(`should ${expected ? '' : 'not '}take ${host || 'nothing'} for this machine`, () => {
    assert.equal(isLoopback(host), expected);
    const named = host.includes(':') ? `[${host}]` : host;
    assert.equal(namesThisMachine(named), expected);
    assert.equal(namesThisMachine(`${named.toUpperCase()}:8081`), expected);
  });

it('should take no header Host with more than a host and a port', () => {
  for (const host of ['::1', '[127.0.0.1', 'localhost:', 'localhost:1:2', 'localhost:123456'])
    assert.equal(namesThisMachine(host), false, host);
});

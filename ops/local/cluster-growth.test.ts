import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { developmentShard, developmentTopology } from '../deploy/topology/development.js';
import { nextShard } from './cluster-growth.js';

const adminPorts = [1, 2, 3, 4];
const two = developmentTopology({
  ...{ shards: 2, adminPorts, edgePort: 5, shardPort: 6, processorAdminPorts: [7] },
  ...{ pkiDir: '/p', socketDir: '/s', logDir: '/l' },
});
const begun = { ...two, shards: [...two.shards, developmentShard(2, adminPorts)] };
const three = { ...begun, epochs: [...begun.epochs, [0, 1, 2]] };

describe('the number of a new shard', () => {
  it('should be the next one, or the one that was begun', () => {
    for (const asked of [undefined, 2]) {
      assert.equal(nextShard(two, asked), 2);
      assert.equal(nextShard(begun, asked), 2);
    }
    assert.equal(nextShard(three, 3), 3);
  });

  it('should not be given again to a shard that has its ids', () => {
    for (const asked of [0, 1, 2]) assert.equal(nextShard(three, asked), undefined);
  });

  it('should be given for a second growth, so that a repeated command adds nothing', () => {
    assert.throws(() => nextShard(three), /has grown before, to 3 shards.*--number 3/);
  });

  it('should leave out none, and wait for a growth that was cut off', () => {
    assert.throws(() => nextShard(two, 3), /the next shard is 2, not 3: --number 2/);
    assert.throws(() => nextShard(begun, 3), /growth was cut off is 2, not 3/);
  });
});

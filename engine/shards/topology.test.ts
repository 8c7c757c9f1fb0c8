import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isSuccessor, Ownership, parseTopology, type Topology } from './topology.js';

const NAMES = ['shard-0.tollgate', 'shard-1.tollgate', 'shard-2.tollgate'];
const epoch = (number: number, count: number, state: 'active' | 'preparing' = 'active') => ({
  number,
  state,
  shards: NAMES.slice(0, count).map((name, i) => ({ number: i, name })),
});
const peers = { 0: 'http://127.0.0.1:1', 1: 'http://127.0.0.1:2', 2: 'http://127.0.0.1:3' };
const grown: Topology = { epochs: [epoch(1, 2), epoch(2, 3)], peers };
const ids = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);

describe('ownership', () => {
  it('should name the earlier owner of what has moved here, and none for the rest', () => {
    const [zero, two] = [new Ownership(grown, 0), new Ownership(grown, 2)];
    fc.assert(
      fc.property(ids, (id) => {
        const owner = two.owner(id);
        assert.equal(zero.isMine(id), owner === 0);
        if (owner === 0) assert.deepEqual(zero.earlierOwners(id), []);
        if (owner === 2) assert.equal(two.earlierOwners(id).length, 1);
      }),
    );
  });

  it('should move ids only to the shard that is new, about a third from two to three', () => {
    const [before, after] = [
      new Ownership({ epochs: [epoch(1, 2)], peers }, 0),
      new Ownership(grown, 0),
    ];
    let moved = 0;
    for (let i = 0; i < 30_000; i++) {
      const [was, is] = [before.owner(`order-${i}`), after.owner(`order-${i}`)];
      if (was !== is) moved++;
      assert.ok(was === is || is === 2);
    }
    assert.ok(moved > 9_000 && moved < 11_000, `${moved}`);
  });

  it('should move nothing while the last epoch is preparing', () => {
    const preparing = new Ownership({ epochs: [epoch(1, 2), epoch(2, 3, 'preparing')], peers }, 0);
    const before = new Ownership({ epochs: [epoch(1, 2)], peers }, 0);
    fc.assert(fc.property(ids, (id) => preparing.owner(id) === before.owner(id)));
    assert.equal(preparing.activeEpoch, 1);
  });

  it('should refuse what no engine could work by, and going back', () => {
    const refused = [
      {},
      { epochs: [], peers },
      { epochs: [epoch(2, 2), epoch(1, 3)], peers },
      { epochs: [epoch(1, 2, 'preparing')], peers },
      { epochs: [epoch(1, 2)], peers: { 0: 'http://127.0.0.1:1' } },
      { epochs: [epoch(1, 2)], peers },
      ...['file:///etc', 'http://user:secret@127.0.0.1:1', 'http://127.0.0.1:1/path', ''].map(
        (text) => ({
          ...grown,
          peers: { ...peers, 2: text },
        }),
      ),
      {
        epochs: [
          {
            ...epoch(1, 2),
            shards: [
              { number: 0, name: 'a' },
              { number: 1, name: 'a' },
            ],
          },
        ],
        peers,
      },
    ];
    for (const entry of refused)
      assert.throws(
        () => parseTopology(entry),
        { code: 'topology_invalid' },
        JSON.stringify(entry),
      );
    assert.equal(parseTopology(grown), grown);
  });

  it('should be followed by the same epoch or the next one, with the same history', () => {
    const two = { 0: peers[0], 1: peers[1] };
    const first: Topology = { epochs: [epoch(1, 2)], peers: two };
    const preparing: Topology = { epochs: [epoch(1, 2), epoch(2, 3, 'preparing')], peers };
    const other: Topology = { epochs: [epoch(1, 1), epoch(2, 3)], peers };
    const skipping: Topology = { epochs: [epoch(1, 2), epoch(3, 3)], peers };
    const swapped = { ...grown, peers: { ...peers, 1: 'http://127.0.0.1:9' } };
    const table: [Topology, Topology, boolean][] = [
      [first, first, true],
      [first, preparing, true],
      [first, grown, true],
      [preparing, grown, true],
      [grown, swapped, true],
      [grown, preparing, false],
      [grown, first, false],
      [first, skipping, false],
      [grown, other, false],
      [first, other, false],
    ];
    for (const [i, [before, after, may]] of table.entries())
      assert.equal(isSuccessor(before, after), may, `row ${i}`);
  });
});

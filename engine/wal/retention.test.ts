import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Checkpoint } from './checkpoint.js';
import { checkWal } from './integrity.js';
import { deletableBelow, deleteConsumed } from './retention.js';
import {
  archiveDir,
  deleteArchivedBelow,
  listWalFiles,
  nextWal,
  oldestLiveWal,
  openWal,
  walName,
} from './wal-directory.js';
import {
  encodeBatch,
  LogImage,
  logStart,
  openTestDatabase,
  putWal,
  temporaryFolder,
  writeBatch,
} from './wal-fixture.js';
import { WalFollower } from './wal-follower.js';
import type { Mark } from './wal-state.js';

const volume = 'v';

describe('the retention of archived log files', () => {
  it('should let go only what checkpoint and mark have both left behind', () => {
    const checkpoint: Checkpoint = { volume, file: 20, offset: 900, sequence: 120 };
    const mark: Mark = { volume, sequence: 130, oldestFile: 20 };
    assert.equal(deletableBelow(checkpoint, mark, 100), 20);
    assert.equal(
      deletableBelow({ ...checkpoint, sequence: 100 }, mark, 100),
      0,
      'nothing consumed',
    );
    assert.equal(
      deletableBelow(checkpoint, { ...mark, sequence: 99 }, 100),
      0,
      'marked in an earlier file',
    );
    assert.equal(
      deletableBelow(checkpoint, { ...mark, oldestFile: 15 }, 100),
      15,
      'RocksDB may need 15',
    );
    assert.equal(deletableBelow(checkpoint, { ...mark, volume: 'w' }, 100), 0, 'another volume');
    assert.equal(deletableBelow(checkpoint, mark, undefined), 0, 'no record in the file');
  });

  it('should never delete behind a file that is still live, and look in both places', () => {
    const dbDir = temporaryFolder(after);
    const bytes = new LogImage().add(encodeBatch(1, 1)).toBuffer();
    for (const [number, archived] of [
      [3, true],
      [5, false],
      [8, true],
      [12, false],
    ] as const) {
      putWal(dbDir, number, bytes, archived);
    }
    assert.deepEqual(
      listWalFiles(dbDir).map((file) => file.number),
      [3, 5, 8, 12],
    );
    assert.deepEqual(
      [nextWal(dbDir, 5), nextWal(dbDir, 12), oldestLiveWal(dbDir)],
      [8, undefined, 5],
    );
    assert.deepEqual([openWal(dbDir, 3) !== undefined, openWal(dbDir, 4)], [true, undefined]);
    assert.deepEqual(deleteArchivedBelow(dbDir, 12), [3]);
    renameSync(join(dbDir, walName(5)), join(archiveDir(dbDir), walName(5)));
    assert.deepEqual(deleteArchivedBelow(dbDir, 12), [5, 8]);
    assert.deepEqual(
      listWalFiles(dbDir).map((file) => file.number),
      [12],
    );
  });

  it('should keep what the next check needs, whenever the process dies', async () => {
    const dbDir = join(temporaryFolder(after), 'db');
    let checkpoint: Checkpoint | undefined;
    let mark: Mark | undefined;
    let deleted = 0;
    let turn = 0;
    for (let life = 0; life < 4; life++) {
      const db = await openTestDatabase(dbDir, 1 << 20);
      const follower = new WalFollower(dbDir, checkpoint ?? logStart(dbDir));
      for (let i = 0; i < 120; i++, turn++) {
        const durable = writeBatch(db, 50);
        // The follower, its checkpoint and the mark each lag by their own measure.
        if (turn % 3 === 0) while (follower.readBatch(durable - (turn % 40), () => {}));
        if (turn % 7 === 0) checkpoint = { ...follower.position, volume };
        if (turn % 11 === 0)
          mark = { volume, sequence: durable, oldestFile: oldestLiveWal(dbDir)! };
        if (checkpoint && mark) deleted += deleteConsumed(dbDir, checkpoint, mark).length;
        if (turn % 5 === 0)
          assert.ok(checkWal({ dbDir, volume, checkpoint, mark }).lastSequence >= durable);
      }
      follower.close();
      await db.close();
      checkWal({ dbDir, volume, checkpoint, mark });
    }
    assert.ok(deleted > 5, `${deleted} deleted`);
  });
});

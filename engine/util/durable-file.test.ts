import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { DurableFile } from './durable-file.js';
import { EngineError } from './errors.js';

interface Count {
  readonly count: number;
}

const folder = mkdtempSync(join(tmpdir(), 'tollgate-durable-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function open(name: string): DurableFile<Count> {
  const isCount = (entry: unknown): entry is Count =>
    Number.isInteger((entry as Count | undefined)?.count);
  return new DurableFile(join(folder, name), isCount);
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof EngineError && error.code === code;
}

describe('a durable file', () => {
  it('should be absent first, then hold the last value saved, in both ways', async () => {
    const file = open('value');
    assert.equal(file.load(), undefined);
    await file.save({ count: 1 });
    assert.deepEqual(open('value').load(), { count: 1 });
    file.saveSync({ count: 2 });
    assert.deepEqual(open('value').load(), { count: 2 });
    await file.save({ count: 3 });
    assert.deepEqual(open('value').load(), { count: 3 });
    assert.deepEqual(readdirSync(folder), ['value']);
  });

  it('should not write again what it has just written, but after anything else', async () => {
    const file = open('same');
    const inode = (): number => statSync(join(folder, 'same')).ino;
    await file.save({ count: 1 });
    const first = inode();
    await file.save({ count: 1 });
    assert.equal(inode(), first);
    await file.save({ count: 2 });
    await file.save({ count: 1 });
    assert.deepEqual(open('same').load(), { count: 1 });
    file.saveSync({ count: 3 });
    await file.save({ count: 1 });
    assert.deepEqual(open('same').load(), { count: 1 });
  });

  it('should join saves that pile up, each promise meaning its value or a newer one is on disk', async () => {
    const file = open('pile');
    let lowest = 0;
    const saves = Array.from({ length: 200 }, (_, i) =>
      file.save({ count: i + 1 }).then(() => {
        const { count } = open('pile').load() as Count;
        assert.ok(count >= i + 1 && count >= lowest);
        lowest = count;
      }),
    );
    await Promise.all(saves);
    assert.deepEqual(open('pile').load(), { count: 200 });
  });

  it('should not let a save under way land after a blocking one', async () => {
    const file = open('stop');
    for (let i = 0; i < 50; i++) {
      const under = file.save({ count: 1 });
      if (i % 2 === 1) await new Promise((resolve) => setImmediate(resolve));
      file.saveSync({ count: 100 + i });
      await under;
      assert.deepEqual(open('stop').load(), { count: 100 + i });
    }
  });

  it('should tell any damage from absence', async () => {
    const file = open('damage');
    await file.save({ count: 12345 });
    const whole = readFileSync(file.path);
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1;
      writeFileSync(file.path, flipped);
      assert.throws(() => file.load(), hasCode('durable_file_damaged'), `byte ${at}`);
      writeFileSync(file.path, whole.subarray(0, at));
      assert.throws(() => file.load(), hasCode('durable_file_damaged'), `cut ${at}`);
    }
    await file.save({ count: 1 });
    assert.deepEqual(file.load(), { count: 1 });
    writeFileSync(file.path, readFileSync(file.path, 'utf8').replace('count', 'other'));
    assert.throws(() => file.load(), hasCode('durable_file_damaged'));
  });

  it('should say so when it cannot be written, and work again afterwards', async () => {
    const file = open('missing-folder/value');
    await assert.rejects(file.save({ count: 1 }), hasCode('durable_file_unwritable'));
    assert.throws(() => file.saveSync({ count: 1 }), hasCode('durable_file_unwritable'));
  });
});

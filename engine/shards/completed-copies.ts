/**
 * Records, by epoch, the shards from which this volume has copied every row that belongs to it.
 * Such a copy began when the epoch was already in force at the source, so no row was added there
 * afterwards. A rebuilt volume starts without this file and queries previous owners again.
 */
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { newAjv } from '../util/ajv.js';
import { DurableFile } from '../util/durable-file.js';

const WholeCopies = Type.Record(
  Type.String({ pattern: '^\\d{1,4}$' }),
  Type.Integer({ minimum: 1 }),
  {
    additionalProperties: false,
  },
);
/** The number of the epoch, by the number of the shard. */
export type WholeCopies = Readonly<Static<typeof WholeCopies>>;

const isCopies = newAjv().compile<WholeCopies>(WholeCopies);

export function wholeCopiesFile(dataDir: string): DurableFile<WholeCopies> {
  return new DurableFile(join(dataDir, 'whole-copies.json'), (value) => isCopies(value));
}

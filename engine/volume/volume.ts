/**
 * The identity of a shard's volume: created once, stored in `meta`, and carried by every record in
 * Kafka.
 */
import { randomUUID } from 'node:crypto';
import { META_VOLUME } from '../store/families.js';
import type { Store } from '../store/store.js';
import { EngineError } from '../util/errors.js';

/** Grows with every change of families, keys or records that an older release cannot read. */
const FORMAT = 1;

export interface Volume {
  readonly id: string;
  readonly shard: number;
  readonly format: number;
}

/** Whether the store holds no payment. */
export function isEmpty(store: Store): boolean {
  return store.range('checkouts', Buffer.alloc(0), undefined, 1).length === 0;
}

/**
 * Reads the identity, or gives a new volume one. With `isNewHistory` (after an accepted loss)
 * it gets another: its sequences no longer mean what Kafka has seen under the old one.
 * Throws EngineError `wrong_volume`.
 */
export function claimVolume(store: Store, shard: number, isNewHistory = false): Volume {
  const stored = store.get('meta', META_VOLUME);
  if (stored === undefined || isNewHistory) {
    const volume = { id: randomUUID(), shard, format: FORMAT };
    const batch = store.batch();
    batch.put('meta', META_VOLUME, Buffer.from(JSON.stringify(volume)));
    batch.write();
    return volume;
  }
  const volume = JSON.parse(stored.toString()) as Volume;
  if (volume.shard !== shard) {
    throw new EngineError(
      'wrong_volume',
      `this volume belongs to shard ${volume.shard}, not ${shard}: set TOLLGATE_SHARD or TOLLGATE_DATA_DIR.`,
    );
  }
  if (volume.format !== FORMAT) {
    throw new EngineError(
      'wrong_format',
      `this volume has format ${volume.format}, this release reads ${FORMAT}: see Upgrading in CHANGELOG.md.`,
    );
  }
  return volume;
}

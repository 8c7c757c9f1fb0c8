/**
 * One writer's batch: drop duplicates, write what is new with one sync, set every result.
 *
 * Keeps: nothing is answered before it is durable (I7); the same id gives the same answer,
 * also twice within one batch (I3); a status only moves forward (I4); a row of `checkouts`
 * is written once. A status that names another checkout's fingerprint is not applied.
 */
import {
  acceptedAt,
  isStatusOf,
  receivedAt,
  sameFingerprint,
  statusVersion,
} from '../codec/in-place.js';
import { checkoutAccepted, paymentStatus, tryDecode } from '../codec/records.js';
import type { BatchHandler } from '../ring/batch-processor.js';
import type { BroadcastWriter } from '../ring/broadcast.js';
import { hashBytes } from '../ring/hash.js';
import type { LaneConsumer } from '../ring/lane-consumer.js';
import { encodeOffset, META_STATUS_OFFSET, META_STATUS_TOPIC } from '../store/families.js';
import type { Store, WriteBatch } from '../store/store.js';
import { Ages } from '../store/time-index.js';
import { MessageKind, WriteResult } from './messages.js';

interface Entry {
  readonly lane: LaneConsumer;
  readonly slot: number;
  readonly kind: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface JournalEvents {
  /** After each synced batch: how many messages, how many rows, how long the write took. */
  onWritten(messages: number, rows: number, writeMs: number): void;
  /** After a batch that changed statuses; readers of the broadcast may look. */
  onStatusChanged(): void;
}

export class Journal implements BatchHandler {
  readonly #store: Store;
  readonly #batch: WriteBatch;
  readonly #changes: BroadcastWriter;
  readonly #events: JournalEvents;
  readonly #checkouts: Entry[] = [];
  readonly #commands: Entry[] = [];
  readonly #webhooks: Entry[] = [];
  readonly #statuses: Entry[] = [];
  readonly #checkoutAges = new Ages('checkouts');
  readonly #webhookAges = new Ages('inbox');
  #messages = 0;

  constructor(store: Store, changes: BroadcastWriter, events: JournalEvents) {
    this.#store = store;
    this.#batch = store.batch();
    this.#changes = changes;
    this.#events = events;
  }

  onMessage(lane: LaneConsumer, slot: number): void {
    const { memory } = lane;
    const entry = {
      lane,
      slot,
      kind: memory.kind(slot),
      key: memory.key(slot),
      value: memory.value(slot),
    };
    this.#entriesOf(entry.kind).push(entry);
    this.#messages++;
  }

  #entriesOf(kind: number): Entry[] {
    if (kind === MessageKind.checkout || kind === MessageKind.moved) return this.#checkouts;
    if (kind === MessageKind.status || kind === MessageKind.statusTopic) return this.#statuses;
    return kind === MessageKind.webhook ? this.#webhooks : this.#commands;
  }

  onBatchEnd(): void {
    for (const { key, value } of this.#insertNew(this.#checkouts, 'checkouts'))
      addAge(this.#checkoutAges, acceptedAt(value), key);
    this.#insertNew(this.#commands, 'commands');
    for (const { key, value } of this.#insertNew(this.#webhooks, 'inbox'))
      addAge(this.#webhookAges, receivedAt(value), key);
    this.#checkoutAges.putInto(this.#batch);
    this.#webhookAges.putInto(this.#batch);
    const changed = this.#applyStatuses();
    const rows = this.#batch.size;
    const start = performance.now();
    if (changed.length > 0) this.#changes.begin();
    if (rows > 0) this.#batch.write();
    this.#events.onWritten(this.#messages, rows, performance.now() - start);
    this.#announce(changed);
    this.#messages = 0;
    for (const entries of [this.#checkouts, this.#commands, this.#webhooks, this.#statuses])
      entries.length = 0;
  }

  #announce(changed: readonly Entry[]): void {
    if (changed.length === 0) return;
    for (const entry of changed) this.#changes.add(hashBytes(entry.key, 0, entry.key.length));
    this.#changes.end();
    this.#events.onStatusChanged();
  }

  /** @returns the entries that are new */
  #insertNew(entries: readonly Entry[], family: 'checkouts' | 'commands' | 'inbox'): Entry[] {
    const fresh: Entry[] = [];
    if (entries.length === 0) return fresh;
    const stored = this.#store.getMany(
      family,
      entries.map((entry) => entry.key),
    );
    const inThisBatch = new Map<string, Buffer>();
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      const name = entry.key.toString('latin1');
      const first = stored[i] ?? inThisBatch.get(name);
      if (first === undefined) {
        inThisBatch.set(name, entry.value);
        this.#batch.put(family, entry.key, entry.value);
        fresh.push(entry);
        entry.lane.memory.setResult(entry.slot, WriteResult.accepted, 0);
      } else {
        answerRepeat(entry, first);
      }
    }
    return fresh;
  }

  /** @returns the entries whose status is written */
  #applyStatuses(): Entry[] {
    const entries = this.#statuses;
    if (entries.length === 0) return [];
    const keys = entries.map((entry) => entry.key);
    const stored = this.#store.getMany('status', keys);
    const checkouts = this.#store.getMany('checkouts', keys);
    const versions = new Map<string, number>();
    const changed: Entry[] = [];
    let offset: number | undefined;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      const { memory } = entry.lane;
      if (entry.kind === MessageKind.statusTopic) {
        offset = memory.detail(entry.slot);
        this.#batch.put('meta', META_STATUS_TOPIC, entry.key);
        memory.setResult(entry.slot, WriteResult.applied, offset);
        continue;
      }
      offset = memory.detail(entry.slot) || offset;
      const name = entry.key.toString('latin1');
      const checkout = checkouts[i];
      const known = versions.get(name) ?? versionOf(stored[i], checkout);
      const isForeign = checkout !== undefined && !isStatusOf(entry.value, checkout);
      const version = entry.value.length === 0 || isForeign ? 0 : statusVersion(entry.value);
      const isNewer = version > known;
      memory.setResult(entry.slot, isNewer ? WriteResult.applied : WriteResult.stale, offset ?? 0);
      if (!isNewer) continue;
      versions.set(name, version);
      this.#batch.put('status', entry.key, entry.value);
      changed.push(entry);
    }
    if (offset !== undefined) this.#batch.put('meta', META_STATUS_OFFSET, encodeOffset(offset));
    return changed;
  }
}

/** A damaged row that moved here may have no time: it is neither swept nor deleted. */
function addAge(ages: Ages, atMs: number, key: Buffer): void {
  if (Number.isSafeInteger(atMs) && atMs >= 0) ages.add(atMs, key);
}

/** A stored status that cannot be decoded, or is another checkout's, gives way to any other. */
function versionOf(stored: Buffer | undefined, checkout: Buffer | undefined): number {
  if (stored === undefined || (checkout && !isStatusOf(stored, checkout))) return 0;
  return tryDecode(paymentStatus, stored)?.version ?? 0;
}

function answerRepeat(entry: Entry, first: Buffer): void {
  const { memory } = entry.lane;
  if (entry.kind === MessageKind.webhook) {
    memory.setResult(entry.slot, WriteResult.replayed, 0);
  } else if (entry.kind === MessageKind.checkout && !tryDecode(checkoutAccepted, first)) {
    memory.setResult(entry.slot, WriteResult.damaged, 0);
  } else if (sameFingerprint(first, entry.value)) {
    memory.setResult(entry.slot, WriteResult.replayed, acceptedAt(first));
  } else {
    memory.setResult(entry.slot, WriteResult.conflict, 0);
  }
}

/**
 * Writes rows of another shard into this one, through the status lane and its writer. Existing
 * rows stay; a status only moves forward. Main thread only, like the lane.
 */
import {
  type CheckoutAccepted,
  checkoutAccepted,
  paymentStatus,
  tryDecode,
} from '../codec/records.js';
import { paymentKey } from '../domain/payment.js';
import { MessageKind } from '../journal/messages.js';
import { type LaneProducer, NO_SLOT } from '../ring/lane-producer.js';
import { EngineError } from '../util/errors.js';
import type { MovedRow } from './rows.js';

type Named = Pick<CheckoutAccepted, 'merchant' | 'checkout_id'>;

export class Importer {
  readonly #lane: LaneProducer;
  readonly #shard: number;
  readonly #waiting = new Map<number, () => void>();
  #roomy: (() => void)[] = [];
  imported = 0;

  constructor(lane: LaneProducer, shard: number) {
    this.#lane = lane;
    this.#shard = shard;
  }

  /**
   * Resolves once the row is on disk here. A row that cannot be decoded moves as it is: this shard
   * then answers `record_damaged` for its id, and never accepts the id again.
   * @throws EngineError `row_too_large`, `row_of_another`
   */
  async put(row: MovedRow): Promise<void> {
    const key = Buffer.from(row.key);
    const stored = Buffer.from(row.checkout, 'base64');
    const record = tryDecode(checkoutAccepted, stored);
    const status = row.status === null ? undefined : Buffer.from(row.status, 'base64');
    refuseOthers(row.key, record, status && tryDecode(paymentStatus, status));
    const checkout = record ? checkoutAccepted.encode({ ...record, shard: this.#shard }) : stored;
    await this.#write(MessageKind.moved, key, checkout);
    if (status) await this.#write(MessageKind.status, key, status);
    this.imported++;
  }

  /** For every slot of the lane that the writer has answered. */
  onAnswer(slot: number): void {
    const done = this.#waiting.get(slot);
    this.#waiting.delete(slot);
    done?.();
  }

  /** Call when answers were collected: there may be room again. */
  wake(): void {
    const waiting = this.#roomy;
    this.#roomy = [];
    for (const run of waiting) run();
  }

  async #write(kind: number, key: Buffer, value: Buffer): Promise<void> {
    const lane = this.#lane;
    if (key.length + value.length > lane.messageBytesMax)
      throw new EngineError('row_too_large', `${key}: the row does not fit the status lane`);
    let slot = lane.claim(key.length + value.length);
    while (slot === NO_SLOT) {
      lane.publish();
      await new Promise<void>((resolve) => this.#roomy.push(resolve));
      slot = lane.claim(key.length + value.length);
    }
    const start = lane.payloadStart(slot);
    lane.memory.bytes.set(key, start);
    lane.memory.bytes.set(value, start + key.length);
    // It comes from no offset of payments.status.
    lane.memory.setDetail(slot, 0);
    lane.commit(slot, kind, key.length, value.length);
    const written = new Promise<void>((resolve) => this.#waiting.set(slot, resolve));
    lane.publish();
    await written;
  }
}

/** What a record says of itself is the key that it comes under. */
function refuseOthers(key: string, ...records: (Named | undefined)[]): void {
  for (const record of records) {
    const own = record && paymentKey(record.merchant, record.checkout_id);
    if (own !== undefined && own !== key)
      throw new EngineError('row_of_another', `a row for ${key} holds a record of ${own}`);
  }
}

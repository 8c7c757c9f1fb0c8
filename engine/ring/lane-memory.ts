/** A lane's slots as typed views: the fields of a message and its payload, by slot index. */
import {
  DETAIL_FIELD,
  KEY_BYTES_FIELD,
  KIND_FIELD,
  laneBytes,
  PAYLOAD_OFFSET,
  RESULT_FIELD,
  SLOT_BYTES,
  SLOTS_OFFSET,
  SPAN_FIELD,
  VALUE_BYTES_FIELD,
} from './layout.js';

const WORDS_PER_SLOT = SLOT_BYTES >> 2;

export class LaneMemory {
  readonly slots: number;
  readonly mask: number;
  /** The bytes of all slots. */
  readonly bytes: Buffer;
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;

  static allocate(slots: number): SharedArrayBuffer {
    return new SharedArrayBuffer(laneBytes(slots));
  }

  constructor(memory: SharedArrayBuffer) {
    this.slots = (memory.byteLength - SLOTS_OFFSET) / SLOT_BYTES;
    this.mask = this.slots - 1;
    this.bytes = Buffer.from(memory, SLOTS_OFFSET);
    this.#words = new Int32Array(memory, SLOTS_OFFSET);
    this.#doubles = new Float64Array(memory, SLOTS_OFFSET);
  }

  setMessage(slot: number, span: number, kind: number, keyBytes: number, valueBytes: number): void {
    const word = slot * WORDS_PER_SLOT;
    this.#words[word + (SPAN_FIELD >> 2)] = span;
    this.#words[word + (KIND_FIELD >> 2)] = kind;
    this.#words[word + (KEY_BYTES_FIELD >> 2)] = keyBytes;
    this.#words[word + (VALUE_BYTES_FIELD >> 2)] = valueBytes;
  }

  span(slot: number): number {
    return this.#words[slot * WORDS_PER_SLOT + (SPAN_FIELD >> 2)]!;
  }

  kind(slot: number): number {
    return this.#words[slot * WORDS_PER_SLOT + (KIND_FIELD >> 2)]!;
  }

  keyBytes(slot: number): number {
    return this.#words[slot * WORDS_PER_SLOT + (KEY_BYTES_FIELD >> 2)]!;
  }

  valueBytes(slot: number): number {
    return this.#words[slot * WORDS_PER_SLOT + (VALUE_BYTES_FIELD >> 2)]!;
  }

  /** A view of the key, valid until the slot is released. */
  key(slot: number): Buffer {
    const start = slot * SLOT_BYTES + PAYLOAD_OFFSET;
    return this.bytes.subarray(start, start + this.keyBytes(slot));
  }

  /** A view of the value, valid until the slot is released. */
  value(slot: number): Buffer {
    const start = slot * SLOT_BYTES + PAYLOAD_OFFSET + this.keyBytes(slot);
    return this.bytes.subarray(start, start + this.valueBytes(slot));
  }

  setResult(slot: number, result: number, detail: number): void {
    this.#words[slot * WORDS_PER_SLOT + (RESULT_FIELD >> 2)] = result;
    this.#doubles[(slot * SLOT_BYTES + DETAIL_FIELD) >> 3] = detail;
  }

  result(slot: number): number {
    return this.#words[slot * WORDS_PER_SLOT + (RESULT_FIELD >> 2)]!;
  }

  detail(slot: number): number {
    return this.#doubles[(slot * SLOT_BYTES + DETAIL_FIELD) >> 3]!;
  }

  setDetail(slot: number, detail: number): void {
    this.#doubles[(slot * SLOT_BYTES + DETAIL_FIELD) >> 3] = detail;
  }
}

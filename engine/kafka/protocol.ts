/**
 * Single requests of Kafka's protocol that node-rdkafka does not offer, each on a connection
 * of its own, in plain text or over mTLS. Shapes as in https://kafka.apache.org/protocol:
 * strings are int16 + UTF-8, arrays int32 + items; in the flexible versions both have a
 * length of one more as an unsigned varint, and every structure ends in tagged fields.
 */
import { readFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { KafkaTls } from '../config/config.js';
import { EngineError } from '../util/errors.js';

const ANSWER_MS_MAX = 10_000;
const ANSWER_BYTES_MAX = 16 << 20;
const CLIENT_ID = 'tollgate-admin';

export interface Broker {
  /** host:port */
  readonly address: string;
  /** undefined: plain text. */
  readonly tls: KafkaTls | undefined;
}

export interface Api {
  readonly key: number;
  readonly version: number;
  /** Whether this version has compact strings and tagged fields. */
  readonly isFlexible?: boolean;
}

export type Bytes = Buffer | readonly Bytes[];

/**
 * @returns the answer after its correlation id (in a flexible version its tagged fields come first)
 * Rejects with EngineError `kafka_away`.
 */
export function request({ address, tls }: Broker, api: Api, body: Bytes): Promise<Buffer> {
  const tags = api.isFlexible ? [NO_TAGS] : [];
  const header = [int16(api.key), int16(api.version), int32(1), string(CLIENT_ID), ...tags];
  const message = join([header, body]);
  const fail = (cause: Error): EngineError =>
    new EngineError('kafka_away', `${address}: ${cause.message}`, { cause, canRetry: true });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const socket = open(address, tls, () => socket.write(join([int32(message.length), message])));
    // A frozen broker accepts the connection and never answers.
    const timer = setTimeout(() => socket.destroy(new Error('no answer')), ANSWER_MS_MAX);
    socket.once('error', (error) => reject(fail(error)));
    socket.once('close', () => {
      clearTimeout(timer);
      reject(fail(new Error('closed without an answer')));
    });
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) socket.destroy(new Error('too long an answer'));
      if (bytes < 4) return;
      const all = Buffer.concat(chunks);
      if (bytes < 4 + all.readInt32BE(0)) return;
      resolve(all.subarray(8));
      socket.destroy();
    });
  });
}

function open(address: string, tls: KafkaTls | undefined, onReady: () => void): Socket {
  const [host, port] = address.split(/:(?=\d+$)/) as [string, string | undefined];
  const target = { host, port: Number(port ?? 9092) };
  if (tls === undefined) return connectPlain(target, onReady);
  const [ca, cert, key] = [tls.ca, tls.cert, tls.key].map((text) => readFileSync(text)) as Buffer[];
  return connectTls({ ...target, ca: ca!, cert: cert!, key: key! }, onReady);
}

export function join(bytes: Bytes): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.concat(bytes.map(join));
}

/** The empty list of tagged fields. */
export const NO_TAGS = Buffer.of(0);

export function int8(value: number): Buffer {
  return Buffer.from([value]);
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function string(text: string): Bytes {
  const bytes = Buffer.from(text, 'utf8');
  return [int16(bytes.length), bytes];
}

export function array<T>(items: readonly T[], encode: (item: T) => Bytes): Bytes {
  return [int32(items.length), items.map(encode)];
}

export function compactString(text: string): Bytes {
  const bytes = Buffer.from(text, 'utf8');
  return [unsignedVarint(bytes.length + 1), bytes];
}

export function compactArray<T>(items: readonly T[], encode: (item: T) => Bytes): Bytes {
  return [unsignedVarint(items.length + 1), items.map(encode)];
}

function unsignedVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Reads an answer of a flexible version from front to back. */
export class AnswerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  /** Sixteen bytes as hexadecimal digits. */
  uuid(): string {
    this.#at += 16;
    return this.#bytes.toString('hex', this.#at - 16, this.#at);
  }

  /** Null reads as ''. */
  string(): string {
    const start = this.#varintAndStart();
    const length = start.value - 1;
    this.#at = start.at + Math.max(0, length);
    return this.#bytes.toString('utf8', start.at, this.#at);
  }

  array<T>(decode: () => T): T[] {
    const { value, at } = this.#varintAndStart();
    this.#at = at;
    return Array.from({ length: Math.max(0, value - 1) }, decode);
  }

  tags(): void {
    const count = this.#varintAndStart();
    this.#at = count.at;
    for (let i = 0; i < count.value; i++) {
      this.#at = this.#varintAndStart().at;
      const size = this.#varintAndStart();
      this.#at = size.at + size.value;
    }
  }

  #varintAndStart(): { value: number; at: number } {
    let value = 0;
    let at = this.#at;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return { value, at };
    }
  }
}

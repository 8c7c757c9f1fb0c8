/**
 * The records that are stored and published, one codec each: the same Avro bytes go from
 * the ring to RocksDB, its write-ahead log and Kafka. The schemas stand in schemas/*.avsc.
 */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { EngineError } from '../util/errors.js';
import { packageFile } from '../util/paths.js';
import { checkoutBytesMax, encodeCheckout } from './checkout-encoder.js';
import type {
  CheckoutAccepted,
  CommandRequested,
  DeadLetter,
  PaymentStatus,
  RetryTicket,
  WebhookReceived,
} from './record-types.js';
import { HEADER_BYTES, singleObjectHeader, startsWithHeader } from './single-object.js';

export type * from './record-types.js';

export interface Codec<T> {
  readonly name: string;
  /** Marker and schema fingerprint, in front of every datum. */
  readonly header: Buffer;
  /**
   * Writes header and datum at `offset`.
   * @returns the end offset, or a negative number when it does not fit
   * @throws EngineError `unencodable` when a value is not of the schema's type
   */
  encodeInto(record: T, buffer: Buffer, offset: number): number;
  /** @throws EngineError `unencodable` */
  encode(record: T): Buffer;
  /** @throws EngineError `undecodable` when the bytes are not such a record */
  decode(bytes: Buffer): T;
  /** Whether the bytes carry this record's schema fingerprint, or that of an earlier schema. */
  recognises(bytes: Uint8Array): boolean;
}

export const checkoutAccepted = withoutAllocation(codecOf<CheckoutAccepted>('CheckoutAccepted'));
export const commandRequested = codecOf<CommandRequested>('CommandRequested');
export const webhookReceived = codecOf<WebhookReceived>('WebhookReceived');
export const paymentStatus = codecOf<PaymentStatus>('PaymentStatus', ['PaymentStatus.1']);
export const deadLetter = codecOf<DeadLetter>('DeadLetter');
export const retryTicket = codecOf<RetryTicket>('RetryTicket');

/** @returns undefined when the bytes are not such a record */
export function tryDecode<T>(codec: Codec<T>, bytes: Buffer): T | undefined {
  try {
    return codec.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The hot path's encoder where there is surely room; where it is tight, avsc's, which looks. */
function withoutAllocation(codec: Codec<CheckoutAccepted>): Codec<CheckoutAccepted> {
  return {
    ...codec,
    encodeInto(record, buffer, offset) {
      const start = offset + HEADER_BYTES;
      if (start + checkoutBytesMax(record) > buffer.length)
        return codec.encodeInto(record, buffer, offset);
      codec.header.copy(buffer, offset);
      return encodeCheckout(record, buffer, start);
    },
  };
}

/** @param earlier files in schemas/earlier: what released versions wrote, which stays readable */
function codecOf<T>(name: string, earlier: readonly string[] = []): Codec<T> {
  const type = typeOf(`${name}.avsc`);
  const header = singleObjectHeader(type);
  const readers = earlier.map((file) => {
    const writer = typeOf(`earlier/${file}.avsc`);
    return { header: singleObjectHeader(writer), resolver: type.createResolver(writer) };
  });
  return {
    name,
    header,
    encodeInto(record, buffer, offset) {
      assertEncodable(name, type, record);
      const start = offset + HEADER_BYTES;
      if (start >= buffer.length) return -1;
      for (let i = 0; i < HEADER_BYTES; i++) buffer[offset + i] = header[i]!;
      return type.encode(record, buffer, start);
    },
    encode(record) {
      assertEncodable(name, type, record);
      return Buffer.concat([header, type.toBuffer(record)]);
    },
    decode(bytes) {
      const isCurrent = startsWithHeader(bytes, header);
      const resolver = isCurrent
        ? undefined
        : readers.find((reader) => startsWithHeader(bytes, reader.header))?.resolver;
      if (!isCurrent && !resolver) {
        throw new EngineError(
          'undecodable',
          `these bytes are no ${name}: the schema fingerprint differs`,
        );
      }
      try {
        return type.fromBuffer(bytes.subarray(HEADER_BYTES), resolver) as T;
      } catch (cause) {
        throw new EngineError('undecodable', `these bytes are no ${name}: the datum is damaged`, {
          cause,
        });
      }
    },
    recognises: (bytes) =>
      startsWithHeader(bytes, header) ||
      readers.some((reader) => startsWithHeader(bytes, reader.header)),
  };
}

/** avsc itself writes values of a wrong type as bytes that no reader can decode. */
function assertEncodable(name: string, type: avsc.Type, record: unknown): void {
  type.isValid(record, {
    errorHook(path) {
      const where = path.join('.') || 'the record';
      throw new EngineError('unencodable', `${name}: ${where} does not have the schema's type`);
    },
  });
}

function typeOf(file: string): avsc.Type {
  const text = readFileSync(packageFile(`engine/codec/schemas/${file}`), 'utf8');
  return avsc.Type.forSchema(JSON.parse(text));
}

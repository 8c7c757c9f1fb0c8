/**
 * The two requests of Kafka's protocol that an operator needs and node-rdkafka has not:
 * CreateAcls (version 1) and IncrementalAlterConfigs (version 0), over mTLS. Shapes as in
 * https://kafka.apache.org/protocol; strings are int16 + UTF-8, arrays int32 + items.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import type { KafkaTls } from '../../engine/core/config.js';
import { EngineError } from '../../engine/core/errors.js';
import { type Acl, OPERATIONS, PATTERNS, RESOURCES } from './kafka-acls.js';

const CREATE_ACLS = { key: 30, version: 1 };
const INCREMENTAL_ALTER_CONFIGS = { key: 44, version: 0 };
const ALLOW = 3;
const BROKER_RESOURCE = 4;
const SET = 0;
const DELETE = 1;
const ANSWER_MS_MAX = 10_000;
const ANSWER_BYTES_MAX = 1 << 20;

interface Broker {
  /** host:port */
  readonly address: string;
  /** A super user's. */
  readonly tls: KafkaTls;
}

/** Repeating it changes nothing. Rejects with EngineError `kafka_refused`. */
export async function createAcls(broker: Broker, acls: readonly Acl[]): Promise<void> {
  const single = acls.flatMap((acl) => acl.may.map((operation) => ({ ...acl, operation })));
  const body = array(single, (it) => [
    int8(RESOURCES[it.resource]),
    string(it.name),
    int8(PATTERNS[it.pattern]),
    string(`User:${it.user}`),
    string('*'),
    int8(OPERATIONS[it.operation]),
    int8(ALLOW),
  ]);
  checkResults(await request(broker, CREATE_ACLS, body));
}

/**
 * Has a broker read its key store again: naming the same file is the documented way.
 * Connections that are open go on. Rejects with EngineError `kafka_refused`.
 */
export async function reloadKeyStore(
  broker: Broker,
  brokerId: number,
  listener: string,
  keyStore: string,
): Promise<void> {
  const name = `listener.name.${listener.toLowerCase()}.ssl.keystore.location`;
  const validateOnly = int8(0);
  // Taken away again: kept, it would outlive a move of the file.
  for (const operation of [SET, DELETE]) {
    const configs = array([name], (it) => [string(it), int8(operation), string(keyStore)]);
    const resources = array([brokerId], (it) => [int8(BROKER_RESOURCE), string(`${it}`), configs]);
    checkResults(await request(broker, INCREMENTAL_ALTER_CONFIGS, [resources, validateOnly]));
  }
}

/** Both answers: throttle time, then results that begin with an error code and a message. */
function checkResults(answer: Buffer): void {
  const count = answer.readInt32BE(4);
  let at = 8;
  for (let i = 0; i < count; i++) {
    const code = answer.readInt16BE(at);
    const bytes = answer.readInt16BE(at + 2);
    const message = bytes < 0 ? '' : answer.toString('utf8', at + 4, at + 4 + bytes);
    if (code !== 0) throw new EngineError('kafka_refused', `Kafka's error ${code}: ${message}`);
    at += 4 + Math.max(0, bytes);
    // An answer about a resource names it: int8 type, string name. Only one is ever asked.
  }
}

/** One request on a connection of its own. @returns the answer after its correlation id */
function request(
  { address, tls }: Broker,
  api: { key: number; version: number },
  body: Bytes,
): Promise<Buffer> {
  const [host, port] = address.split(/:(?=\d+$)/) as [string, string];
  const header = [int16(api.key), int16(api.version), int32(1), string('tollgate-ops')];
  const message = join([header, body]);
  const fail = (cause: Error): EngineError =>
    new EngineError('kafka_away', `${address}: ${cause.message}`, { cause, canRetry: true });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const [ca, cert, key] = [tls.ca, tls.cert, tls.key].map((it) => readFileSync(it)) as Buffer[];
    const socket = connect({ host, port: Number(port), ca: ca!, cert: cert!, key: key! });
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error('no answer')));
    socket.once('secureConnect', () => socket.write(join([int32(message.length), message])));
    socket.once('error', (error) => reject(fail(error)));
    socket.once('close', () => reject(fail(new Error('closed without an answer'))));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      if (all.length > ANSWER_BYTES_MAX) socket.destroy(new Error('too long an answer'));
      if (all.length < 4 || all.length < 4 + all.readInt32BE(0)) return;
      resolve(all.subarray(8));
      socket.destroy();
    });
  });
}

type Bytes = Buffer | readonly Bytes[];

function join(bytes: Bytes): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.concat(bytes.map(join));
}

function int8(value: number): Buffer {
  return Buffer.from([value]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function string(text: string): Bytes {
  const bytes = Buffer.from(text, 'utf8');
  return [int16(bytes.length), bytes];
}

function array<T>(items: readonly T[], encode: (item: T) => Bytes): Bytes {
  return [int32(items.length), items.map(encode)];
}

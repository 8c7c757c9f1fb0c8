/**
 * The two requests of Kafka's protocol that an operator needs and node-rdkafka has not:
 * CreateAcls (version 1) and IncrementalAlterConfigs (version 0), over mTLS.
 */
import type { KafkaTls } from '../../../engine/config/config.js';
import { array, int8, request, string } from '../../../engine/kafka/protocol.js';
import { EngineError } from '../../../engine/util/errors.js';
import { type Acl, OPERATIONS, PATTERNS, RESOURCES } from './kafka-acls.js';

const CREATE_ACLS = { key: 30, version: 1 };
const INCREMENTAL_ALTER_CONFIGS = { key: 44, version: 0 };
const ALLOW = 3;
const BROKER_RESOURCE = 4;
const SET = 0;
const DELETE = 1;

interface Broker {
  /** host:port */
  readonly address: string;
  /** A super user's. */
  readonly tls: KafkaTls;
}

/** Repeating it changes nothing. Rejects with EngineError `kafka_refused`. */
export async function createAcls(broker: Broker, acls: readonly Acl[]): Promise<void> {
  const single = acls.flatMap((acl) => acl.may.map((operation) => ({ ...acl, operation })));
  const body = array(single, (entry) => [
    int8(RESOURCES[entry.resource]),
    string(entry.name),
    int8(PATTERNS[entry.pattern]),
    string(`User:${entry.user}`),
    string('*'),
    int8(OPERATIONS[entry.operation]),
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
    const configs = array([name], (text) => [string(text), int8(operation), string(keyStore)]);
    const resources = array([brokerId], (value) => [
      int8(BROKER_RESOURCE),
      string(`${value}`),
      configs,
    ]);
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

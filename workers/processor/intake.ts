/**
 * The consumer of what is to be done: hands each record on when its time has come, bounds how
 * many are in work, and commits the low-water mark of what is finished. Works on a main thread only.
 */
import rdkafka, {
  type Assignment,
  type KafkaConsumer,
  type LibrdKafkaError,
  type Message,
} from 'node-rdkafka';
import { Fifo } from '../../engine/core/fifo.js';
import type { Logger } from '../../engine/core/log.js';
import { clientSettings } from '../../engine/kafka/client.js';
import { Held, type Hold } from './held.js';
import { Offsets } from './offsets.js';
import { nameOf, Pauses } from './pauses.js';

const COMMIT_MS = 500;
const CONNECT_MS_MAX = 10_000;
const CLOSE_MS_MAX = 3_000;
/** How soon topics and partitions that appear are noticed. */
const METADATA_MS = 30_000;
const ASSIGN = -175;

export interface IntakeParts {
  readonly brokers: string;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly inFlightMax: number;
  readonly logger: Logger;
  /** A record that is not handled before its time. */
  readonly holdOf: (message: Message) => Hold | undefined;
  /** Resolves when the record is finished: its state is durable elsewhere. Must not reject. */
  readonly handle: (message: Message) => Promise<unknown>;
  readonly onFatal: (reason: string) => void;
}

export class Intake {
  readonly #parts: IntakeParts;
  readonly #consumer: KafkaConsumer;
  readonly #pauses: Pauses;
  readonly #timer: NodeJS.Timeout;
  #partitions = new Map<string, Offsets>();
  #assignment: Assignment[] = [];
  #inFlight = 0;
  #isPaused = false;
  #isClosing = false;
  /** What librdkafka had handed over when the pause came: bounded by its own prefetch. */
  readonly #waiting = new Fifo<{ readonly message: Message; readonly offsets: Offsets }>();
  readonly #held = new Held((partition) => this.#refill(partition));
  consumed = 0;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#consumer = new rdkafka.KafkaConsumer(
      {
        ...clientSettings(parts.brokers, 'tollgate-processor'),
        'group.id': parts.groupId,
        'enable.auto.commit': false,
        'enable.auto.offset.store': false,
        'session.timeout.ms': 6_000,
        'heartbeat.interval.ms': 1_500,
        'queued.max.messages.kbytes': 1_024,
        'fetch.wait.max.ms': 50,
        'topic.metadata.refresh.interval.ms': METADATA_MS,
        rebalance_cb: (error: LibrdKafkaError, assignment: Assignment[]) =>
          this.#rebalance(error.code, assignment),
      },
      { 'auto.offset.reset': 'earliest' },
    );
    this.#pauses = new Pauses(this.#consumer);
    this.#consumer.on('data', (message) => this.#take(message));
    this.#consumer.on('event.error', (error) => {
      if (error.isFatal) parts.onFatal(`the consumer failed: ${error.message}`);
      else parts.logger.debug({ reason: error.message }, 'Kafka');
    });
    this.#timer = setInterval(() => this.#commit(false), COMMIT_MS);
  }

  /** Rejects when it cannot connect, or when the topics are not known yet: to be called again. */
  async start(): Promise<void> {
    if (!this.#consumer.isConnected()) await this.#connect();
    await this.#mustKnowTopics();
    this.#consumer.subscribe([...this.#parts.topics]);
    this.#consumer.consume();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get held(): number {
    return this.#held.count;
  }

  get partitions(): number {
    return this.#assignment.length;
  }

  /** Takes nothing more, waits a while for what is in work, commits, leaves the group. */
  async close(msMax: number): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#timer);
    this.#held.clear();
    this.#pause();
    const giveUpAt = Date.now() + msMax;
    while (this.#inFlight > 0 && Date.now() < giveUpAt) await sleep(20);
    this.#commit(true);
    const left = new Promise<void>((resolve) => this.#consumer.disconnect(() => resolve()));
    await Promise.race([left, sleep(CLOSE_MS_MAX)]);
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#consumer.connect({ timeout: CONNECT_MS_MAX }, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
  }

  /** A topic that the brokers do not show yet would be left out until much later. */
  #mustKnowTopics(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#consumer.getMetadata({ timeout: CONNECT_MS_MAX }, (error, metadata) => {
        if (error) return reject(error);
        const known = new Set(metadata.topics.map((it) => it.name));
        const unknown = this.#parts.topics.filter((it) => !known.has(it));
        if (unknown.length === 0) return resolve();
        reject(new Error(`${unknown.join(', ')} not there yet`));
      }),
    );
  }

  #take(message: Message): void {
    const offsets = this.#offsetsOf(message);
    if (this.#isClosing || !offsets.begin(message.offset)) return;
    const begin = (): void => {
      this.#waiting.push({ message, offsets });
      this.#next();
    };
    const hold = this.#parts.holdOf(message);
    if (!hold || hold.until <= Date.now()) return void begin();
    const { topic, partition } = message;
    const added = this.#held.add(nameOf(message), hold, begin);
    if (added === 'known') offsets.finish(message.offset);
    if (added === 'filled') this.#pauses.pause([{ topic, partition }]);
  }

  #next(): void {
    const { inFlightMax } = this.#parts;
    while (!this.#isClosing && this.#inFlight < inFlightMax) {
      const next = this.#waiting.shift();
      if (!next) break;
      // A partition that has gone begins again at its new owner.
      if (this.#offsetsOf(next.message) === next.offsets) this.#handle(next.message, next.offsets);
    }
    if (this.#inFlight >= inFlightMax) this.#pause();
    else if (this.#waiting.length === 0 && this.#inFlight <= inFlightMax / 2) this.#resume();
  }

  #handle(message: Message, offsets: Offsets): void {
    this.consumed++;
    this.#inFlight++;
    void this.#parts.handle(message).finally(() => {
      offsets.finish(message.offset);
      this.#inFlight--;
      this.#next();
    });
  }

  #offsetsOf(of: { topic: string; partition: number }): Offsets {
    const name = nameOf(of);
    const offsets = this.#partitions.get(name) ?? new Offsets();
    this.#partitions.set(name, offsets);
    return offsets;
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#pauses.pause(this.#assignment);
  }

  #resume(): void {
    if (this.#isClosing || !this.#isPaused) return;
    this.#isPaused = false;
    this.#pauses.resume(this.#assignment.filter((it) => !this.#held.isFull(nameOf(it))));
  }

  /** A partition of held records has room again. */
  #refill(partition: string): void {
    if (this.#isClosing || this.#isPaused) return;
    this.#pauses.resume(this.#assignment.filter((it) => nameOf(it) === partition));
  }

  /**
   * What is in work when its partition goes finishes here and begins again at the new
   * owner; the database tells the two apart.
   */
  #rebalance(code: number, assignment: Assignment[]): void {
    if (!this.#consumer.isConnected()) return;
    this.#held.clear();
    if (code === ASSIGN) {
      this.#partitions = new Map();
      this.#assignment = assignment;
      this.#consumer.assign(assignment);
      if (this.#isPaused) this.#pauses.pause(assignment);
      else this.#pauses.resume(assignment);
    } else {
      this.#commit(true);
      this.#partitions = new Map();
      this.#assignment = [];
      this.#consumer.unassign();
    }
    this.#parts.logger.info({ partitions: this.#assignment.length }, 'assigned');
  }

  #commit(isSync: boolean): void {
    const offsets = this.#assignment.flatMap(({ topic, partition }) => {
      const offset = this.#partitions.get(`${topic}/${partition}`)?.take();
      return offset === undefined ? [] : [{ topic, partition, offset }];
    });
    if (offsets.length === 0) return;
    try {
      if (isSync) this.#consumer.commitSync(offsets);
      else this.#consumer.commit(offsets);
    } catch (error) {
      // The partitions have moved on, or Kafka is away: what is not committed comes again.
      this.#parts.logger.debug({ reason: (error as Error).message }, 'not committed');
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/**
 * The processor's Kafka consumer: passes each record on when it is due, bounds the records in
 * work, and commits the low-water mark of finished records. A client that cannot connect, or whose
 * read loop has ended, is replaced, because neither recovers by itself. Main thread only.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Assignment, KafkaConsumer, Message } from 'node-rdkafka';
import { askForTopic, askLeader, unreadOf } from '../../engine/kafka/probe.js';
import { Fifo } from '../../engine/util/fifo.js';
import { untilDone } from '../../engine/util/retry.js';
import { Held } from '../polling/delay-queue.js';
import { assertTopics, drained, leave } from './consumer-client.js';
import type { IntakeParts } from './consumer-options.js';
import { connectGroupClient, readAll } from './group-client.js';
import { AssignedOffsets, type Offsets } from './offsets.js';
import { nameOf, Pauses } from './paused-partitions.js';

const COMMIT_MS = 500;
const ASSIGN = -175;
const FROM_THE_BEGINNING = -2;

interface Taken {
  readonly message: Message;
  readonly offsets: Offsets;
}

export class Intake {
  readonly #parts: IntakeParts;
  readonly #timer: NodeJS.Timeout;
  readonly #stop = new AbortController();
  #consumer: KafkaConsumer | undefined;
  #pauses: Pauses | undefined;
  readonly #offsets = new AssignedOffsets();
  #assignment: Assignment[] = [];
  /** Counts rebalances: an assignment that a later one has overtaken is void. */
  #changes = 0;
  #inFlight = 0;
  #isPaused = false;
  /** What librdkafka had handed over when the pause came: bounded by its own prefetch. */
  readonly #waiting = new Fifo<Taken>();
  readonly #held = new Held((partition) => this.#refill(partition));
  /** Topics that were made anew. Their committed offsets belong to the former topic. */
  readonly #anew = new Set<string>();
  #probes = 0;
  consumed = 0;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#commit(false), COMMIT_MS);
  }

  /** Rejects when it cannot connect, or when the topics are not known yet: to be called again. */
  async start(): Promise<void> {
    const { topics, connectMsMax } = this.#parts;
    await this.#parts.makeTopics();
    const consumer = await connectGroupClient(this.#parts, (client, code, assignment) =>
      this.#rebalance(client, code, assignment),
    );
    try {
      await assertTopics(consumer, topics, connectMsMax);
    } catch (error) {
      void leave(consumer);
      throw error;
    }
    if (this.#isClosing) return void leave(consumer);
    this.#pauses = new Pauses(consumer);
    this.#consumer = consumer;
    consumer.on('data', (message) => {
      if (this.#consumer === consumer) this.#take(message);
    });
    readAll(consumer, topics, (reason) => {
      if (this.#consumer === consumer) this.#replace(consumer, reason);
    });
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

  /** Records of `topics` that were not finished here, as far as the last fetches tell. */
  lagOf(topics: readonly string[]): number {
    const partitions = this.#assignment.filter(({ topic }) => topics.includes(topic));
    return unreadOf(this.#consumer, partitions) + this.#waiting.length + this.#inFlight;
  }

  /** One request to the leader of an assigned partition, of another one each time. */
  async probe(): Promise<void> {
    if (!this.#consumer) throw new Error('not connected');
    const asked = this.#assignment[this.#probes++ % this.#assignment.length];
    if (asked) await askLeader(this.#consumer, asked.topic, asked.partition);
    else await askForTopic(this.#consumer, this.#parts.topics[0]!);
  }

  /** Takes nothing more, waits a while for what is in work, commits, leaves the group. */
  async close(msMax: number): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#timer);
    this.#held.clear();
    this.#pause();
    const giveUpAt = performance.now() + msMax;
    while (this.#inFlight > 0 && performance.now() < giveUpAt) await sleep(20);
    this.#commit(true);
    await leave(this.#consumer);
  }

  get #isClosing(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Reads on with a new client. Does nothing while one is being connected. */
  renew(reason: string): void {
    if (this.#consumer) this.#replace(this.#consumer, reason);
  }

  /**
   * librdkafka goes on with the name of a topic that was made anew, and a position that the new one
   * has reached would leave out all before it. One that is gone is made again by `start`.
   */
  onTopicsChanged(gone: readonly string[], anew: readonly string[]): void {
    for (const name of anew) this.#anew.add(name);
    this.renew(`topics were deleted or made anew: ${[...gone, ...anew].join(', ')}`);
  }

  #replace(consumer: KafkaConsumer, reason: string): void {
    if (this.#isClosing) return;
    const { logger } = this.#parts;
    logger.warn({ reason }, 'reading from Kafka ended: connecting again');
    this.#consumer = undefined;
    this.#pauses = undefined;
    this.#release();
    void leave(consumer).then(() =>
      untilDone('the intake of the processor', () => this.start(), logger, this.#stop.signal),
    );
  }

  #take(message: Message): void {
    this.#parts.onFetch();
    const offsets = this.#offsets.of(message);
    if (this.#isClosing || !offsets?.begin(message.offset)) return;
    const begin = (): void => {
      this.#waiting.push({ message, offsets });
      this.#next();
    };
    const hold = this.#parts.holdOf(message);
    if (!hold || hold.waitMs <= 0) return void begin();
    const { topic, partition } = message;
    const added = this.#held.add(nameOf(message), hold, begin);
    if (added === 'known') offsets.finish(message.offset);
    if (added === 'filled') this.#pauses?.pause([{ topic, partition }]);
  }

  #next(): void {
    const { inFlightMax } = this.#parts;
    while (!this.#isClosing && this.#inFlight < inFlightMax) {
      const next = this.#waiting.shift();
      if (!next) break;
      // A partition that has gone begins again at its new owner.
      if (this.#isOurs(next)) this.#handle(next);
    }
    if (this.#inFlight >= inFlightMax) this.#pause();
    else if (this.#waiting.length === 0 && this.#inFlight <= inFlightMax / 2) this.#resume();
  }

  #isOurs({ message, offsets }: Taken): boolean {
    return this.#offsets.of(message) === offsets;
  }

  #handle(taken: Taken): void {
    const { message, offsets } = taken;
    this.consumed++;
    this.#inFlight++;
    const isOurs = (): boolean => this.#isOurs(taken);
    void this.#parts.handle(message, isOurs).then((isFinished) => {
      if (isFinished) offsets.finish(message.offset);
      this.#inFlight--;
      this.#next();
    });
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#pauses?.pause(this.#assignment);
  }

  #resume(): void {
    if (this.#isClosing || !this.#isPaused) return;
    this.#isPaused = false;
    this.#pauses?.resume(
      this.#assignment.filter((partition) => !this.#held.isFull(nameOf(partition))),
    );
  }

  /** A partition of held records has room again. */
  #refill(partition: string): void {
    if (this.#isClosing || this.#isPaused) return;
    this.#pauses?.resume(this.#assignment.filter((entry) => nameOf(entry) === partition));
  }

  /**
   * What is in work when its partition goes finishes here and begins again at the new
   * owner; the database tells the two apart.
   */
  #rebalance(consumer: KafkaConsumer, code: number, assignment: Assignment[]): void {
    if (!consumer.isConnected()) return;
    // A client that was replaced cannot leave, and holds a thread, until it has answered.
    if (this.#consumer !== consumer) return void consumer.unassign();
    const change = ++this.#changes;
    if (code !== ASSIGN) {
      this.#commit(true);
      this.#release();
      consumer.unassign();
    } else {
      // What arrives until then belongs to no assignment and is dropped.
      void drained().then(() => {
        if (!consumer.isConnected()) return;
        if (this.#consumer !== consumer) consumer.unassign();
        else if (change === this.#changes) this.#assign(consumer, assignment);
      });
    }
  }

  #assign(consumer: KafkaConsumer, assignment: Assignment[]): void {
    this.#held.clear();
    this.#offsets.assign(assignment);
    this.#assignment = assignment;
    consumer.assign(assignment.map((partition) => this.#started(partition)));
    this.#anew.clear();
    if (this.#isPaused) this.#pauses?.pause(assignment);
    else this.#pauses?.resume(assignment);
    this.#parts.logger.info({ partitions: assignment.length }, 'assigned');
  }

  #started(partition: Assignment): Assignment {
    return this.#anew.has(partition.topic)
      ? { ...partition, offset: FROM_THE_BEGINNING }
      : partition;
  }

  #release(): void {
    this.#held.clear();
    this.#offsets.assign([]);
    this.#assignment = [];
    this.#parts.logger.info({ partitions: 0 }, 'assigned');
  }

  #commit(isSync: boolean): void {
    const offsets = this.#offsets.take();
    if (offsets.length === 0) return;
    try {
      if (isSync) this.#consumer?.commitSync(offsets);
      else this.#consumer?.commit(offsets);
    } catch (error) {
      // The partitions have moved on, or Kafka is away: what is not committed comes again.
      this.#parts.logger.debug({ reason: (error as Error).message }, 'not committed');
    }
  }
}

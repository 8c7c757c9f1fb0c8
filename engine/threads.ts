/**
 * The engine's threads and the memory between them: every gateway has a lane to every
 * writer, and the main thread has one lane, for statuses, to writer 0, which alone writes
 * them. A thread that ends unasked ends the process: lanes cannot be repaired, a restart can.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { EngineConfig } from './config/config.js';
import { SIMULATOR } from './domain/payment.js';
import {
  GATEWAY_COUNTERS,
  type GatewayCommand,
  type GatewayData,
  type GatewayMessage,
  type Refused,
  type WebhookProvider,
} from './gateway-contract.js';
import { WRITER_COUNTERS, type WriterData } from './journal/writer-contract.js';
import type { KeyTable } from './keys/keys-file.js';
import { BroadcastWriter } from './ring/broadcast.js';
import { Counters } from './ring/counters.js';
import { Doorbell } from './ring/doorbell.js';
import { LaneMemory } from './ring/lane-memory.js';
import { LaneProducer } from './ring/lane-producer.js';
import { SharedCount, SharedFlag } from './ring/shared-flags.js';
import type { Topology } from './shards/topology.js';
import type { Store } from './store/store.js';
import { EngineError } from './util/errors.js';

const STATUS_LANE_SLOTS = 4096;
const THREAD_STOP_MS = 6_000;

export interface ThreadOptions {
  readonly config: EngineConfig;
  readonly store: Store;
  readonly gatewayWorker: URL;
  readonly topology: () => Topology | undefined;
  /** A gateway asks for a payment that another shard may have. Must not reject. */
  readonly ask: (key: string) => Promise<'here' | 'absent' | 'away'>;
  readonly keys: KeyTable | undefined;
  /** An exception while one request was handled. */
  readonly onRequestError: (subject: string, code: string, stack: string) => void;
  readonly onRefused: (refused: Refused) => void;
  /** Called once if a thread ends unasked. */
  readonly onDeath: (reason: string) => void;
}

export class EngineThreads {
  readonly accepting = new SharedFlag();
  readonly statusLane: LaneProducer;
  readonly mainBell: Doorbell;
  readonly gatewayCounters: Counters<(typeof GATEWAY_COUNTERS)[number]>[];
  readonly writerCounters: Counters<(typeof WRITER_COUNTERS)[number]>[];
  readonly #durable: SharedCount[];
  readonly #options: ThreadOptions;
  readonly #stopWriters = new SharedFlag();
  readonly #mainBellMemory = Doorbell.allocate();
  readonly #gatewayBells: SharedArrayBuffer[];
  readonly #writerBells: SharedArrayBuffer[];
  readonly #changes = BroadcastWriter.allocate();
  readonly #statusLaneMemory = LaneMemory.allocate(STATUS_LANE_SLOTS);
  /** [gateway][writer] */
  readonly #lanes: SharedArrayBuffer[][];
  #writers: Worker[] = [];
  #gateways: Worker[] = [];
  #stopping = false;
  #announced = 0;

  constructor(options: ThreadOptions) {
    const { gatewayThreads, writerThreads, laneSlots } = options.config;
    this.#options = options;
    this.mainBell = new Doorbell(this.#mainBellMemory);
    this.#gatewayBells = times(gatewayThreads, () => Doorbell.allocate());
    this.#writerBells = times(writerThreads, () => Doorbell.allocate());
    this.#lanes = times(gatewayThreads, () =>
      times(writerThreads, () => LaneMemory.allocate(laneSlots)),
    );
    this.#durable = times(writerThreads, () => new SharedCount());
    this.gatewayCounters = times(gatewayThreads, () => new Counters(GATEWAY_COUNTERS));
    this.writerCounters = times(writerThreads, () => new Counters(WRITER_COUNTERS));
    this.statusLane = new LaneProducer(this.#statusLaneMemory, new Doorbell(this.#writerBells[0]!));
  }

  /** The sequence up to which everything is on disk, as far as the writers have said. */
  get durableSequence(): number {
    return Math.max(...this.#durable.map((sharedCount) => sharedCount.load()));
  }

  async start(): Promise<void> {
    const writerFile = new URL('./journal/writer-thread.js', import.meta.url);
    for (const count of this.#durable) count.store(this.#options.store.sequence);
    this.#writers = this.#writerBells.map((_, i) =>
      this.#spawn(writerFile, this.#writerData(i), `writer ${i}`),
    );
    // A gateway that listens first is answered once the writers are there.
    const writing = this.#writers.map((writer) => once(writer, 'message'));
    const { gatewayWorker } = this.#options;
    this.#gateways = this.#gatewayBells.map((_, i) =>
      this.#spawn(gatewayWorker, this.#gatewayData(i), `gateway ${i}`),
    );
    await Promise.all([...writing, ...this.#gateways.map((gateway) => this.#listening(gateway))]);
  }

  /** Resolves when every gateway works by the topology and has answered what it took before. */
  async announce(topology: Topology): Promise<void> {
    const change = ++this.#announced;
    const told = this.#gateways.map(
      (gateway) =>
        new Promise<void>((resolve) => {
          const listener = (message: GatewayMessage): void => {
            if (message.type !== 'moved' || message.change !== change) return;
            gateway.off('message', listener);
            resolve();
          };
          gateway.on('message', listener);
          say(gateway, { type: 'topology', change, topology });
        }),
    );
    await Promise.all(told);
  }

  /** Gateways answer what is in flight and end; then the writers, whose lanes are then empty. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.accepting.set(false);
    for (const gateway of this.#gateways) say(gateway, { type: 'close' });
    await Promise.all(this.#gateways.map(ended));
    this.#stopWriters.set(true);
    await Promise.all(this.#writers.map(ended));
  }

  #spawn(file: URL, data: WriterData | GatewayData, name: string): Worker {
    const worker = new Worker(file, { workerData: data, name });
    const died = (reason: string): void => {
      if (!this.#stopping) this.#options.onDeath(`${name} ended: ${reason}`);
    };
    worker.on('error', (error) => died(error.stack ?? error.message));
    worker.on('exit', (code) => died(`exit code ${code}`));
    return worker;
  }

  async #listening(gateway: Worker): Promise<void> {
    const [message] = (await once(gateway, 'message')) as [GatewayMessage];
    gateway.on('message', (gatewayMessage: GatewayMessage) => {
      if (gatewayMessage.type === 'ask')
        void this.#answer(gateway, gatewayMessage.question, gatewayMessage.key);
      if (gatewayMessage.type === 'error')
        this.#options.onRequestError(
          gatewayMessage.subject,
          gatewayMessage.code,
          gatewayMessage.stack,
        );
      if (gatewayMessage.type === 'refused') this.#options.onRefused(gatewayMessage);
    });
    if (message.type !== 'failed') return;
    throw new EngineError('port_taken', `${message.reason}: is it taken? Set TOLLGATE_API_PORT.`);
  }

  async #answer(gateway: Worker, question: number, key: string): Promise<void> {
    say(gateway, { type: 'asked', question, found: await this.#options.ask(key) });
  }

  #writerData(index: number): WriterData {
    const { config, store } = this.#options;
    const lanes = this.#lanes.map((row, gateway) => ({
      lane: row[index]!,
      producerBell: this.#gatewayBells[gateway]!,
    }));
    if (index === 0)
      lanes.push({ lane: this.#statusLaneMemory, producerBell: this.#mainBellMemory });
    return {
      storeHandle: store.handle,
      lanes,
      bell: this.#writerBells[index]!,
      mainBell: this.#mainBellMemory,
      gatewayBells: this.#gatewayBells,
      changes: this.#changes,
      durable: this.#durable[index]!.memory,
      counters: this.writerCounters[index]!.memory,
      stop: this.#stopWriters.memory,
      waitStrategy: config.waitStrategy,
      batchMax: config.batchMax,
    };
  }

  #gatewayData(index: number): GatewayData {
    const { config, store } = this.#options;
    return {
      storeHandle: store.handle,
      host: config.host,
      port: config.apiPort,
      // uWebSockets.js binds anew what another thread listens on: one socket a thread.
      socket: config.socket === '' ? '' : `${config.socket}.${index}`,
      shard: config.shard,
      topology: this.#options.topology(),
      lanes: this.#lanes[index]!.map((lane, writer) => ({
        lane,
        writerBell: this.#writerBells[writer]!,
      })),
      bell: this.#gatewayBells[index]!,
      changes: this.#changes,
      accepting: this.accepting.memory,
      counters: this.gatewayCounters[index]!.memory,
      waitersMax: config.waitersMax,
      merchantWaitersMax: config.merchantWaitersMax,
      keys: this.#options.keys,
      providers: config.providers,
      webhookProviders: webhookProviders(config),
      trustedProxies: config.trustedProxies,
    };
  }
}

function say(gateway: Worker, command: GatewayCommand): void {
  gateway.postMessage(command);
}

/** A provider without a secret is not taken from. */
function webhookProviders(config: EngineConfig): WebhookProvider[] {
  const { simulatorWebhookSecrets, simulatorWebhookAddresses } = config;
  const { stripeWebhookSecrets, stripeWebhookAddresses } = config;
  const simulators = [SIMULATOR, ...Object.keys(config.simulators)].map((name) => ({
    name,
    secrets: simulatorWebhookSecrets,
    addresses: simulatorWebhookAddresses,
  }));
  return [
    ...simulators,
    { name: 'stripe', secrets: stripeWebhookSecrets, addresses: stripeWebhookAddresses },
  ].filter((simulator) => simulator.secrets.length > 0);
}

function times<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

/** Resolves when the thread has ended, or after a bound: it is never terminated from outside. */
async function ended(worker: Worker): Promise<void> {
  if (worker.threadId === -1) return;
  const timer = new Promise((resolve) => setTimeout(resolve, THREAD_STOP_MS).unref());
  await Promise.race([once(worker, 'exit'), timer]);
}

/**
 * A gateway thread: one event loop with uWebSockets.js on the port that all gateway threads
 * share. It never blocks. On `close` it stops listening, answers what is in flight, and
 * only then lets the thread end.
 */

import uWS from 'uWebSockets.js';
import { chmodSync } from 'node:fs';
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import {
  GATEWAY_COUNTERS,
  type GatewayCommand,
  type GatewayData,
  type GatewayMessage,
} from '../engine/gateway-contract.js';
import type { KeyTable } from '../engine/keys/keys-file.js';
import { KEYS_CHANNEL } from '../engine/keys/keys-watch.js';
import { BroadcastReader } from '../engine/ring/broadcast.js';
import { Counters } from '../engine/ring/counters.js';
import { Doorbell } from '../engine/ring/doorbell.js';
import { LaneProducer } from '../engine/ring/lane-producer.js';
import { SharedFlag } from '../engine/ring/shared-flags.js';
import type { Topology } from '../engine/shards/topology.js';
import { Store } from '../engine/store/store.js';
import { invariant } from '../engine/util/errors.js';
import { Callers } from './auth/addresses.js';
import { Merchants } from './auth/merchants.js';
import { SecurityRefusals } from './auth/security-refusals.js';
import { Admission } from './checkouts/admission.js';
import { CHECKOUT_BYTES_MAX } from './checkouts/checkout-message.js';
import { ProviderGate } from './checkouts/provider-gate.js';
import { ShardGate } from './checkouts/shard-gate.js';
import { RequestErrors } from './http/request-errors.js';
import { Reads } from './reads/reads.js';
import { WaiterCount } from './reads/waiter-count.js';
import { buildServer, type ServerParts } from './server.js';
import { warmUp } from './warm-up.js';
import { Webhooks } from './webhooks/webhooks.js';

const CLOSE_POLL_MS = 10;
const CLOSE_MS_MAX = 5_000;

/** One thread's parts, and what the main thread may ask of it. */
class Gateway {
  readonly #data: GatewayData;
  readonly #say: (message: GatewayMessage) => void;
  readonly #admission: Admission;
  readonly #reads: Reads;
  readonly #gate: ShardGate;
  readonly #app: uWS.TemplatedApp;
  readonly #answers: { stop(): void };

  static async open(data: GatewayData, say: (message: GatewayMessage) => void): Promise<Gateway> {
    const store = await Store.attach(data.storeHandle);
    const counters = new Counters(GATEWAY_COUNTERS, data.counters);
    const lanes = data.lanes.map(
      (lane) => new LaneProducer(lane.lane, new Doorbell(lane.writerBell)),
    );
    const admission = new Admission(lanes);
    invariant(admission.messageBytesMax >= CHECKOUT_BYTES_MAX, 'every lane takes every checkout');
    const accepting = new SharedFlag(data.accepting);
    const errors = new RequestErrors(counters, say);
    const callers = new Callers(data.trustedProxies);
    const refusals = new SecurityRefusals({ counts: counters, callers, say });
    const parts: ServerParts = {
      admission,
      reads: new Reads(store, new BroadcastReader(data.changes), new WaiterCount(data), (change) =>
        counters.add('waiters', change),
      ),
      gate: new ShardGate(store, data.shard, (question, key) =>
        say({ type: 'ask', question, key }),
      ),
      providers: new ProviderGate(store, data.providers),
      merchants: watchedMerchants(data),
      webhooks: await Webhooks.open(data, {
        ...{ admission, accepting, counts: counters },
        ...{ callers, refusals },
      }),
      refusals,
      counts: counters,
      accepting,
      shard: data.shard,
      countRefused: () => counters.add('refused', 1),
      countRead: () => counters.add('reads', 1),
      onError: (reply, problem, error) => errors.report(reply, problem, error),
    };
    if (data.topology) parts.gate.use(data.topology);
    return new Gateway(data, say, parts);
  }

  private constructor(
    data: GatewayData,
    say: (message: GatewayMessage) => void,
    parts: ServerParts,
  ) {
    const { admission, reads, gate } = parts;
    this.#data = data;
    this.#say = say;
    this.#admission = admission;
    this.#reads = reads;
    this.#gate = gate;
    this.#app = buildServer(parts);
    this.#answers = new Doorbell(data.bell).listen(
      () => {
        admission.collect();
        if (reads.hasNews()) reads.notice();
      },
      () => admission.hasAnswers() || reads.hasNews(),
    );
  }

  /** @param onListening called with the socket; without one `failed` was said */
  listen(onListening: (socket: uWS.us_listen_socket) => void): void {
    const { socket: path, host, port } = this.#data;
    const listening = (socket: uWS.us_listen_socket | false): void => {
      // uWebSockets.js makes a socket for its user alone; nginx is another one, of our group.
      if (socket && path !== '') chmodSync(path, 0o660);
      if (socket) onListening(socket);
      else
        this.#say({ type: 'failed', reason: `${path || `${host}:${port}`} cannot be listened on` });
    };
    if (path === '') this.#app.listen(host, port, listening);
    else this.#app.listen_unix(listening, path);
  }

  onFound(question: number, found: 'here' | 'absent' | 'away'): void {
    this.#gate.onFound(question, found);
  }

  /** Works by the topology from now on; says so once what was taken before is answered. */
  follow(topology: Topology, change: number): void {
    this.#gate.use(topology);
    this.#admission.fence(() => this.#say({ type: 'moved', change }));
  }

  /** Calls `onClosed` once what is in flight is answered, or after a bound. */
  close(socket: uWS.us_listen_socket, onClosed: () => void): void {
    uWS.us_listen_socket_close(socket);
    this.#reads.close();
    const giveUpAt = Date.now() + CLOSE_MS_MAX;
    const timer = setInterval(() => {
      if (this.#admission.inFlight > 0 && Date.now() < giveUpAt) return;
      clearInterval(timer);
      this.#answers.stop();
      this.#app.close();
      onClosed();
    }, CLOSE_POLL_MS);
  }
}

function watchedMerchants(data: GatewayData): Merchants {
  const merchants = new Merchants(data.keys);
  const keys = new BroadcastChannel(KEYS_CHANNEL);
  keys.onmessage = ({ data: table }) => merchants.replace(table as KeyTable);
  keys.unref();
  return merchants;
}

async function run(data: GatewayData, port: NonNullable<typeof parentPort>): Promise<void> {
  const say = (message: GatewayMessage): void => port.postMessage(message);
  const gateway = await Gateway.open(data, say);
  warmUp(data.shard);
  gateway.listen((socket) => {
    port.on('message', (command: GatewayCommand) => {
      if (command.type === 'asked') gateway.onFound(command.question, command.found);
      else if (command.type === 'topology') gateway.follow(command.topology, command.change);
      else
        gateway.close(socket, () => {
          say({ type: 'closed' });
          port.close();
        });
    });
    say({ type: 'listening' });
  });
}

invariant(parentPort, 'the gateway runs as a worker thread');
await run(workerData as GatewayData, parentPort);

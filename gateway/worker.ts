/**
 * A gateway thread: one event loop with uWebSockets.js on the port that all gateway threads
 * share. It never blocks. On `close` it stops listening, answers what is in flight, and
 * only then lets the thread end.
 */

import uWS from 'uWebSockets.js';
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../engine/core/errors.js';
import {
  GATEWAY_COUNTERS,
  type GatewayCommand,
  type GatewayData,
  type GatewayMessage,
} from '../engine/gateway-contract.js';
import { BroadcastReader } from '../engine/ring/broadcast.js';
import { Counters } from '../engine/ring/counters.js';
import { Doorbell } from '../engine/ring/doorbell.js';
import { LaneProducer } from '../engine/ring/lane-producer.js';
import { SharedFlag } from '../engine/ring/shared-flags.js';
import { Store } from '../engine/store/store.js';
import { Admission } from './admission.js';
import { CHECKOUT_BYTES_MAX } from './checkout-message.js';
import { Reads } from './reads.js';
import { buildServer } from './server.js';
import { ShardGate } from './shard-gate.js';
import { Webhooks } from './webhooks/webhooks.js';

const CLOSE_POLL_MS = 10;
const CLOSE_MS_MAX = 5_000;

async function run(data: GatewayData, port: NonNullable<typeof parentPort>): Promise<void> {
  const say = (message: GatewayMessage): void => port.postMessage(message);
  const store = await Store.attach(data.storeHandle);
  const counters = new Counters(GATEWAY_COUNTERS, data.counters);
  const lanes = data.lanes.map((it) => new LaneProducer(it.lane, new Doorbell(it.writerBell)));
  const admission = new Admission(lanes);
  invariant(admission.messageBytesMax >= CHECKOUT_BYTES_MAX, 'every lane takes every checkout');
  const accepting = new SharedFlag(data.accepting);
  const webhooks = await Webhooks.open(data, { admission, accepting, counts: counters });
  const reads = new Reads(store, new BroadcastReader(data.changes), data.waitersMax);
  const gate = new ShardGate(store, data.shard, (question, key) =>
    say({ type: 'ask', question, key }),
  );
  if (data.topology) gate.use(data.topology);
  const app = buildServer({
    admission,
    reads,
    gate,
    webhooks,
    counts: counters,
    accepting,
    shard: data.shard,
    countRefused: () => counters.add('refused', 1),
    countRead: () => counters.add('reads', 1),
  });
  const listener = new Doorbell(data.bell).listen(
    () => {
      admission.collect();
      if (reads.hasNews()) reads.notice();
    },
    () => admission.hasAnswers() || reads.hasNews(),
  );
  const listening = (socket: uWS.us_listen_socket | false): void => {
    const place = data.socket || `${data.host}:${data.port}`;
    if (!socket) {
      say({ type: 'failed', reason: `${place} cannot be listened on` });
      return;
    }
    port.on('message', (command: GatewayCommand) => {
      if (command.type === 'asked') {
        gate.onFound(command.question, command.found);
        return;
      }
      if (command.type === 'topology') {
        gate.use(command.topology);
        const { change } = command;
        admission.fence(() => say({ type: 'moved', change }));
        return;
      }
      uWS.us_listen_socket_close(socket);
      reads.close();
      const giveUpAt = Date.now() + CLOSE_MS_MAX;
      const timer = setInterval(() => {
        if (admission.inFlight > 0 && Date.now() < giveUpAt) return;
        clearInterval(timer);
        listener.stop();
        app.close();
        say({ type: 'closed' });
        port.close();
      }, CLOSE_POLL_MS);
    });
    say({ type: 'listening' });
  };
  if (data.socket === '') app.listen(data.host, data.port, listening);
  else app.listen_unix(listening, data.socket);
}

invariant(parentPort, 'the gateway runs as a worker thread');
await run(workerData as GatewayData, parentPort);

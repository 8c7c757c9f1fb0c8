/**
 * A proxy between clients and a Kafka broker. On demand it answers one OffsetFetch with "not
 * coordinator", as a client sees it when the coordinator moves between joining the group and the
 * first fetch. It runs in its own thread, because some librdkafka calls block theirs.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface KafkaProxyData {
  readonly port: number;
  /** The broker's port. */
  readonly target: number;
  /** The group whose coordinator may move. */
  readonly group: string;
}

export class KafkaProxy {
  readonly #worker: Worker;
  /** How many requests were answered by the proxy itself. */
  refused = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', () => this.refused++);
  }

  static async start(options: KafkaProxyData): Promise<KafkaProxy> {
    const file = new URL('./kafka-proxy-thread.js', import.meta.url);
    const worker = new Worker(file, { workerData: options });
    await once(worker, 'message');
    return new KafkaProxy(worker);
  }

  /** The next OffsetFetch, whoever sends it, is answered with NOT_COORDINATOR. */
  moveCoordinator(): void {
    this.#worker.postMessage('move');
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

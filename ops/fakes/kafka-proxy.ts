/**
 * Stands between clients and a Kafka broker, and passes everything on. On demand it answers one
 * OffsetFetch as a broker that does not coordinate the group any more: what a client meets when
 * the coordinator moves between its joining of the group and its first fetch. In a thread of its
 * own, since some calls of librdkafka's clients block theirs.
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

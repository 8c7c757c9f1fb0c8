/**
 * The whole system without a supervisor, for proofs that decide which part runs when: each is
 * started and stopped alone, on ports and in folders that stay the same.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childEnvironment, stackConfig } from '../../engine/config/config.js';
import { packageFile } from '../../engine/util/paths.js';
import { migrateAsOwner } from '../../workers/postgres/migrate.js';
import { type Running, startChild } from '../local/child.js';
import { startKafka } from '../local/kafka.js';
import { startPostgres } from '../local/postgres.js';
import { postgresUrl } from '../local/postgres-roles.js';
import { type Books, imbalance } from './books.js';
import { freePorts } from './engine-process.js';
import { until } from './system.js';

const PARTITIONS = 4;
const READY_MS_MAX = 60_000;
const OUTPUT_CHARS = 2_000;
const STOP_MS_MAX = 15_000;
const SECRET = 'a-secret-of-the-proofs';

export type Part = 'kafka' | 'postgres' | 'simulator' | 'engine' | 'processor';
const PRODUCTS: readonly Part[] = ['simulator', 'engine', 'processor'];
const ALL: readonly Part[] = ['kafka', 'postgres', ...PRODUCTS];

export class PartsSystem {
  readonly home = mkdtempSync(join(tmpdir(), 'tollgate-parts-'));
  readonly partitions = PARTITIONS;
  readonly #running = new Map<Part, Running>();
  readonly #ports: readonly number[];
  readonly #settings: Readonly<Record<string, string>>;

  private constructor(ports: readonly number[], settings: Readonly<Record<string, string>>) {
    this.#ports = ports;
    this.#settings = settings;
  }

  /** Nothing runs yet. */
  static async create(settings: Readonly<Record<string, string>> = {}): Promise<PartsSystem> {
    return new PartsSystem(await freePorts(7), settings);
  }

  get api(): string {
    return this.#url(2);
  }

  get simulator(): string {
    return this.#url(4);
  }

  get endpoints(): { readonly postgres: string } {
    return { postgres: this.books.postgres };
  }

  get dataDir(): string {
    return join(this.home, 'engine');
  }

  get postgresDir(): string {
    return join(this.home, 'postgres');
  }

  get books(): Books {
    return {
      api: this.api,
      simulator: this.simulator,
      postgres: postgresUrl({ dir: this.postgresDir, port: this.#ports[6]! }),
      kafka: `127.0.0.1:${this.#ports[0]}`,
      headers: {},
      admins: [this.#url(3)],
      processorAdmins: [this.#url(5)],
      adminTokenFile: join(this.home, 'admin-tokens.json'),
      partitions: PARTITIONS,
      shards: 1,
    };
  }

  /** What the command line needs to speak to this system. */
  get environment(): Record<string, string> {
    return {
      TOLLGATE_HOME: this.home,
      TOLLGATE_DATA_DIR: this.dataDir,
      TOLLGATE_KAFKA_BROKERS: this.books.kafka,
      TOLLGATE_DATABASE_URL: this.books.postgres,
      TOLLGATE_SIMULATOR_URL: this.simulator,
      TOLLGATE_WEBHOOK_URL: `${this.api}/webhooks/psp/simulator`,
      TOLLGATE_WEBHOOK_SECRET: SECRET,
      TOLLGATE_SIMULATOR_WEBHOOK_SECRETS: SECRET,
      TOLLGATE_API_PORT: `${this.#ports[2]}`,
      TOLLGATE_ADMIN_PORT: `${this.#ports[3]}`,
      TOLLGATE_SIMULATOR_PORT: `${this.#ports[4]}`,
      TOLLGATE_PROCESSOR_ADMIN_PORT: `${this.#ports[5]}`,
      TOLLGATE_PROVIDERS: 'simulator,wallet',
      TOLLGATE_PARTITIONS: `${PARTITIONS}`,
      TOLLGATE_DISK_FREE_MIN_MB: '64',
      ...this.#settings,
    };
  }

  /** Kafka and Postgres resolve when they listen; the others at once: see `ready`. */
  async start(part: Part, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    const [kafka, controllerPort] = this.#ports as [number, number];
    const log = this.#log(part);
    const jars = join(stackConfig().cacheDir, 'kafka');
    const dir = join(this.home, part);
    if (part === 'kafka')
      this.#running.set(part, await startKafka({ jars, dir, port: kafka, controllerPort, log }));
    else if (part === 'postgres') {
      const server = await startPostgres({ dir, port: this.#ports[6]!, log });
      this.#running.set(part, server);
      await migrateAsOwner(server);
    } else {
      const env = childEnvironment({ ...this.environment, ...settings });
      const args = [packageFile('ops/cli/tollgate.mjs'), part];
      this.#running.set(part, startChild(process.execPath, args, log, { env }));
    }
  }

  async startAll(): Promise<void> {
    await Promise.all([this.start('kafka'), this.start('postgres')]);
    for (const part of PRODUCTS) await this.start(part);
    for (const part of PRODUCTS) await this.ready(part);
  }

  /** Waits for its /readyz. */
  async ready(part: Part, msMax = READY_MS_MAX): Promise<void> {
    const isReady = async (): Promise<boolean> => {
      if (this.hasEnded(part)) throw new Error(`${part} has ended:\n${this.#output(part)}`);
      return (await this.readiness(part)).length === 0;
    };
    await until(`${part} is ready`, msMax, isReady);
  }

  /** What keeps it from being ready; empty when it is. */
  async readiness(part: Part): Promise<string[]> {
    const port = { simulator: 4, engine: 3, processor: 5 }[part as 'engine'];
    try {
      const answer = await fetch(`${this.#url(port)}/readyz`, {
        signal: AbortSignal.timeout(1_000),
      });
      if (answer.ok) return [];
      return ((await answer.json()) as { reasons?: string[] }).reasons ?? ['not ready'];
    } catch {
      return ['no answer'];
    }
  }

  async stop(part: Part, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#running.get(part)?.stop(part === 'postgres' ? 'SIGINT' : signal, STOP_MS_MAX);
    this.#running.delete(part);
  }

  hasEnded(part: Part): boolean {
    return this.#running.get(part)?.hasExited() ?? true;
  }

  /** Every proof ends here, with books that balance. */
  async close(): Promise<void> {
    const off = this.#running.has('postgres') ? await imbalance(this.books.postgres) : [];
    for (const part of [...ALL].reverse()) await this.stop(part);
    rmSync(this.home, { recursive: true, force: true });
    if (off.length > 0) throw new Error(`the ledger does not sum to zero: ${off.join(', ')}`);
  }

  /** The end of what it has written. */
  #output(part: Part): string {
    return readFileSync(this.#log(part), 'utf8').slice(-OUTPUT_CHARS);
  }

  #log(part: Part): string {
    return join(this.home, 'logs', `${part}.log`);
  }

  #url(port: number): string {
    return `http://127.0.0.1:${this.#ports[port]}`;
  }
}

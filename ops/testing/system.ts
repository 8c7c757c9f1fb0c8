/** The whole system as a user runs it (`tollgate up`), in a folder of its own, for proofs. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stackConfig } from '../../engine/config/config.js';
import type { ComponentName, Endpoints } from '../local/endpoints.js';
import { type LocalKafka, startKafka } from '../local/kafka.js';
import { type LocalPostgres, startPostgres } from '../local/postgres.js';
import { postgresUrl } from '../local/postgres-roles.js';
import { type Books, imbalance, readMetric } from './books.js';
import { freePorts } from './engine-process.js';
import { UpProcess } from './up-process.js';

const PARTITIONS = 16;
const STOP_MS_MAX = 5_000;

export interface SystemOptions {
  readonly settings?: Record<string, string>;
  /** Default: a new one, which is removed at the end. */
  readonly home?: string;
  /** Kafka and Postgres belong to the proof, which takes them down and brings them back. */
  readonly ownServers?: boolean;
  /** Added to the environment of the proof's own servers. */
  readonly serverEnvironment?: Readonly<Record<'kafka' | 'postgres', Record<string, string>>>;
  /** Called with the folder before anything starts in it. */
  readonly prepare?: (home: string) => void;
}

export class LocalSystem {
  readonly home: string;
  readonly partitions = PARTITIONS;
  #up: UpProcess<Endpoints>;
  kafka: LocalKafka | undefined;
  postgres: LocalPostgres | undefined;
  #startKafka: () => Promise<LocalKafka>;
  #startPostgres: () => Promise<LocalPostgres>;

  private constructor(up: UpProcess<Endpoints>, servers: Servers) {
    this.home = up.home;
    this.#up = up;
    this.kafka = servers.kafka;
    this.postgres = servers.postgres;
    this.#startKafka = servers.startKafka;
    this.#startPostgres = servers.startPostgres;
  }

  static async start(options: SystemOptions = {}): Promise<LocalSystem> {
    const home = options.home ?? mkdtempSync(join(tmpdir(), 'tollgate-proof-'));
    options.prepare?.(home);
    const ports = await freePorts(7);
    const servers = serversIn(home, ports, options.serverEnvironment);
    const env: Record<string, string> = {
      TOLLGATE_API_PORT: `${ports[0]}`,
      TOLLGATE_ADMIN_PORT: `${ports[1]}`,
      TOLLGATE_PROCESSOR_ADMIN_PORT: `${ports[2]}`,
      TOLLGATE_SIMULATOR_PORT: `${ports[3]}`,
      TOLLGATE_KAFKA_PORT: `${ports[4]}`,
      TOLLGATE_KAFKA_CONTROLLER_PORT: `${ports[5]}`,
      TOLLGATE_POSTGRES_PORT: `${ports[6]}`,
      TOLLGATE_PARTITIONS: `${PARTITIONS}`,
      TOLLGATE_DISK_FREE_MIN_MB: '64',
      ...options.settings,
    };
    if (options.ownServers) {
      [servers.kafka, servers.postgres] = await Promise.all([
        servers.startKafka(),
        servers.startPostgres(),
      ]);
      env['TOLLGATE_KAFKA_BROKERS'] = `127.0.0.1:${ports[4]}`;
      env['TOLLGATE_DATABASE_URL'] = servers.postgres.url;
      env['TOLLGATE_DATABASE_OWNER_URL'] = servers.postgres.ownerUrl;
    }
    return new LocalSystem(await UpProcess.start<Endpoints>(home, env), servers);
  }

  get endpoints(): Endpoints {
    return this.#up.endpoints;
  }

  /** Of a command that works with this system. */
  get environment(): Readonly<Record<string, string>> {
    return this.#up.environment;
  }

  get supervisor(): number {
    return this.#up.pid;
  }

  /** `kill -9` of the supervisor alone, then a new one in the same home. */
  async replaceSupervisor(): Promise<void> {
    await this.#up.kill();
    this.#up = await UpProcess.start<Endpoints>(this.home, this.#up.environment);
  }

  /** The superuser's, for what no process of ours may do. */
  get adminPostgres(): string {
    if (this.postgres) return this.postgres.adminUrl;
    const port = Number(new URL(this.endpoints.postgres).port);
    return postgresUrl({ dir: join(this.home, 'data', 'postgres'), port }, 'admin');
  }

  get books(): Books {
    const { api, simulator, postgres, kafka, admin, processorAdmin, adminTokenFile } =
      this.endpoints;
    return {
      ...{ api, simulator, postgres, kafka, headers: {} },
      admins: [admin],
      processorAdmins: [processorAdmin],
      adminTokenFile,
      partitions: PARTITIONS,
      shards: 1,
    };
  }

  /** Sends a signal to a component. @returns its pid */
  signal(name: ComponentName, signal: NodeJS.Signals): number {
    const pid = this.endpoints.pids[name];
    if (pid === undefined) throw new Error(`${name} is not ours`);
    process.kill(pid, signal);
    return pid;
  }

  /** `kill -9`, then waits for the supervisor's restart. @returns milliseconds until ready */
  async killAndWait(name: 'engine' | 'processor', msMax = 30_000): Promise<number> {
    const since = Date.now();
    const pid = this.signal(name, 'SIGKILL');
    const { admin, processorAdmin } = this.endpoints;
    const ready = `${name === 'engine' ? admin : processorAdmin}/readyz`;
    await until(`${name} is ready again`, msMax, async () => {
      return this.endpoints.pids[name] !== pid && (await isOk(ready));
    });
    return Date.now() - since;
  }

  /** @param whileDown called between the stop and the start */
  async restart(name: 'kafka' | 'postgres', whileDown: () => void): Promise<void> {
    if (name === 'kafka') await this.kafka?.stop('SIGTERM', STOP_MS_MAX);
    else await this.postgres?.stop('SIGINT', STOP_MS_MAX);
    whileDown();
    await (name === 'kafka' ? this.startKafkaAgain() : this.startPostgresAgain());
  }

  async startKafkaAgain(): Promise<void> {
    this.kafka = await this.#startKafka();
  }

  async startPostgresAgain(): Promise<void> {
    this.postgres = await this.#startPostgres();
  }

  metric(which: 'admin' | 'processorAdmin', name: string): Promise<number> {
    return readMetric(this.endpoints[which], name);
  }

  /** Every test ends here, with books that balance. @returns seconds that it took */
  async stop(): Promise<number> {
    const file = join(this.home, 'endpoints.json');
    const off = existsSync(file) ? await imbalance(this.endpoints.postgres) : [];
    const seconds = await this.#stop();
    if (off.length > 0) throw new Error(`the ledger does not sum to zero: ${off.join(', ')}`);
    return seconds;
  }

  async #stop(): Promise<number> {
    const seconds = await this.#up.stop();
    await Promise.all([
      this.kafka?.stop('SIGTERM', STOP_MS_MAX),
      this.postgres?.stop('SIGINT', STOP_MS_MAX),
    ]);
    rmSync(this.home, { recursive: true, force: true });
    return seconds;
  }
}

interface Servers {
  kafka: LocalKafka | undefined;
  postgres: LocalPostgres | undefined;
  readonly startKafka: () => Promise<LocalKafka>;
  readonly startPostgres: () => Promise<LocalPostgres>;
}

function serversIn(
  home: string,
  ports: readonly number[],
  { kafka, postgres }: Required<SystemOptions>['serverEnvironment'] = { kafka: {}, postgres: {} },
): Servers {
  return {
    kafka: undefined,
    postgres: undefined,
    startKafka: () =>
      startKafka({
        jars: join(stackConfig().cacheDir, 'kafka'),
        dir: join(home, 'data', 'own-kafka'),
        port: ports[4]!,
        controllerPort: ports[5]!,
        env: kafka,
      }),
    startPostgres: () =>
      startPostgres({
        dir: join(home, 'data', 'own-postgres'),
        port: ports[6]!,
        log: join(home, 'logs', 'own-postgres.log'),
        env: postgres,
      }),
  };
}

/** Asks every 50 ms; throws after `msMax`. */
export async function until(
  what: string,
  msMax: number,
  holds: () => Promise<boolean>,
): Promise<void> {
  const giveUpAt = Date.now() + msMax;
  while (!(await holds())) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${msMax} ms: ${what}`);
    await sleep(50);
  }
}

async function isOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

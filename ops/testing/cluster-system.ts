/** The cluster as a user runs it (`tollgate up --cluster`), in a folder of its own, for proofs. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientTls } from '../deploy/pki/authority.js';
import { readTopology, type Topology } from '../deploy/topology/topology.js';
import type { ClusterEndpoints } from '../local/endpoints.js';
import { type Books, imbalance } from './books.js';
import { freePorts } from './engine-process.js';
import { until } from './system.js';
import { UpProcess } from './up-process.js';

const PARTITIONS = 16;

export class ClusterSystem {
  readonly home = mkdtempSync(join(tmpdir(), 'tollgate-cluster-'));
  readonly #settings: Readonly<Record<string, string>>;
  #up!: UpProcess<ClusterEndpoints>;

  private constructor(settings: Readonly<Record<string, string>>) {
    this.#settings = settings;
    chmodSync(this.home, 0o755);
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<ClusterSystem> {
    const ports = await freePorts(11);
    const system = new ClusterSystem({
      TOLLGATE_ADMIN_PORTS: `${ports[0]},${ports[1]},${ports[10]}`,
      TOLLGATE_PROCESSOR_ADMIN_PORTS: `${ports[2]},${ports[3]}`,
      TOLLGATE_SIMULATOR_PORT: `${ports[4]}`,
      TOLLGATE_KAFKA_PORT: `${ports[5]}`,
      TOLLGATE_KAFKA_CONTROLLER_PORT: `${ports[6]}`,
      TOLLGATE_POSTGRES_PORT: `${ports[7]}`,
      TOLLGATE_EDGE_PORT: `${ports[8]}`,
      TOLLGATE_SHARD_PORT: `${ports[9]}`,
      TOLLGATE_PARTITIONS: `${PARTITIONS}`,
      TOLLGATE_DISK_FREE_MIN_MB: '64',
      ...settings,
    });
    await system.startAgain();
    return system;
  }

  /** With the data that there is. */
  async startAgain(): Promise<void> {
    this.#up = await UpProcess.start<ClusterEndpoints>(this.home, this.#settings, ['--cluster']);
  }

  get environment(): Readonly<Record<string, string>> {
    return this.#up.environment;
  }

  get endpoints(): ClusterEndpoints {
    return this.#up.endpoints;
  }

  get topology(): Topology {
    return readTopology(this.endpoints.topology);
  }

  get edgePort(): number {
    return this.topology.edge.port;
  }

  get ca(): string {
    return readFileSync(this.endpoints.ca, 'utf8');
  }

  headersOf(merchant: string): Record<string, string> {
    const key = this.endpoints.keys[merchant];
    return key === undefined ? {} : { authorization: `Bearer ${key}` };
  }

  get books(): Books {
    const { api, simulator, postgres, kafka, pki, keys, admin, processorAdmin } = this.endpoints;
    const merchants = Object.keys(keys);
    return {
      ...{ api, simulator, postgres, kafka, ca: this.ca },
      headers: Object.fromEntries(
        merchants.map((merchant) => [merchant, this.headersOf(merchant)]),
      ),
      kafkaTls: clientTls(pki, 'admin'),
      admins: admin,
      processorAdmins: processorAdmin,
      adminTokenFile: this.endpoints.adminTokenFile,
      partitions: PARTITIONS,
      shards: admin.length,
    };
  }

  /** `kill -9` of one shard's engine, then waits for the supervisor's restart. @returns ms */
  async killEngineAndWait(shard: number, msMax = 30_000): Promise<number> {
    const since = Date.now();
    const pid = this.endpoints.pids.engine[shard]!;
    process.kill(pid, 'SIGKILL');
    const ready = `${this.endpoints.admin[shard]}/readyz`;
    await until(`shard ${shard} is ready again`, msMax, async () => {
      if (this.endpoints.pids.engine[shard] === pid) return false;
      return (await fetch(ready).catch(() => undefined))?.ok === true;
    });
    return Date.now() - since;
  }

  /** Stops and keeps the data. @returns seconds that it took */
  halt(): Promise<number> {
    return this.#up.stop();
  }

  /** Every proof ends here, with books that balance. @returns seconds that it took */
  async stop(): Promise<number> {
    const off = await imbalance(this.endpoints.postgres);
    const seconds = await this.halt();
    rmSync(this.home, { recursive: true, force: true });
    if (off.length > 0) throw new Error(`the ledger does not sum to zero: ${off.join(', ')}`);
    return seconds;
  }
}

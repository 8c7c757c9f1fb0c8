/**
 * The edge, two shards' hosts and two real engines without Kafka: what a client of the edge
 * meets before anything is paid. Starts in a few seconds.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nginxEdge } from '../deploy/nginx/edge.js';
import { nginxEngineHost } from '../deploy/nginx/engine-host.js';
import { caFile, initPki } from '../deploy/pki/authority.js';
import { developmentTopology } from '../deploy/topology/development.js';
import {
  checkTopology,
  engineSocket,
  hostsFile,
  type Topology,
} from '../deploy/topology/topology.js';
import type { Running } from '../local/child.js';
import {
  ensureMerchants,
  keysFile,
  type MerchantCredentials,
  readCredentials,
} from '../local/merchants.js';
import { type NginxOptions, startNginx, writeNginx } from '../local/nginx.js';
import { type EngineProcess, freePorts, startEngineProcess } from './engine-process.js';

const RELOAD_MS = 500;

export interface EdgeFixtureOptions {
  readonly change?: (topology: Topology) => Topology;
  /** Of both engines. */
  readonly settings?: Readonly<Record<string, string>>;
}

export class EdgeFixture {
  readonly dir = mkdtempSync(join(tmpdir(), 'tollgate-edge-'));
  readonly engines: EngineProcess[] = [];
  #nginx: Running[] = [];
  #topology!: Topology;

  static async start(options: EdgeFixtureOptions = {}): Promise<EdgeFixture> {
    const fixture = new EdgeFixture();
    try {
      await fixture.#begin(options);
      return fixture;
    } catch (error) {
      await fixture.stop();
      throw error;
    }
  }

  get topology(): Topology {
    return this.#topology;
  }

  get port(): number {
    return this.#topology.edge.port;
  }

  get ca(): string {
    return readFileSync(caFile(this.pki), 'utf8');
  }

  get pki(): string {
    return join(this.dir, 'pki');
  }

  /** The edge's nginx, the hosts'. */
  get pids(): readonly number[] {
    return this.#nginx.map((running) => running.pid);
  }

  /** A merchant's own: `alpha` and `beta` have keys, `signed` also sends checksums. */
  headersOf(merchant: string): Record<string, string> {
    return { authorization: `Bearer ${this.credentials.keys[merchant]}` };
  }

  get credentials(): MerchantCredentials {
    return readCredentials(this.dir);
  }

  /** The edge takes another topology while it runs. */
  async reload(topology: Topology): Promise<void> {
    this.#topology = checkTopology(topology);
    writeNginx(this.#edgeOptions());
    process.kill(this.pids[0]!, 'SIGHUP');
    await sleep(RELOAD_MS);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nginx.map((running) => running.stop('SIGTERM', 2_000)));
    await Promise.all(this.engines.map((engine) => engine.stop()));
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #begin({ change = (entry) => entry, settings = {} }: EdgeFixtureOptions): Promise<void> {
    chmodSync(this.dir, 0o755);
    for (const name of ['sockets', 'logs']) mkdirSync(join(this.dir, name));
    initPki(this.pki);
    ensureMerchants(this.dir);
    const [edgePort, shardPort, ...adminPorts] = await freePorts(4);
    const made = developmentTopology({
      shards: 2,
      adminPorts,
      edgePort: edgePort!,
      shardPort: shardPort!,
      processorAdminPorts: [],
      pkiDir: this.pki,
      socketDir: join(this.dir, 'sockets'),
      logDir: join(this.dir, 'logs'),
    });
    this.#topology = checkTopology(change(made));
    const { shards } = this.#topology;
    const engines = shards.map(({ number }) =>
      startEngineProcess({
        TOLLGATE_DATA_DIR: join(this.dir, `shard-${number}`),
        TOLLGATE_SHARD: `${number}`,
        TOLLGATE_SHARDS: `${shards.length}`,
        TOLLGATE_SOCKET: engineSocket(this.#topology, number),
        TOLLGATE_GATEWAY_THREADS: '1',
        TOLLGATE_DISK_FREE_MIN_MB: '64',
        TOLLGATE_CDC: 'off',
        TOLLGATE_KEYS_FILE: keysFile(this.dir),
        ...settings,
      }),
    );
    this.engines.push(...(await Promise.all(engines)));
    const hosts = shards.map((shard) =>
      startNginx({
        ...this.#places(`shard-${shard.number}`),
        config: nginxEngineHost(this.#topology, shard),
        listens: { address: shard.address, port: this.#topology.shardPort },
      }),
    );
    this.#nginx = await Promise.all([startNginx(this.#edgeOptions()), ...hosts]);
  }

  #edgeOptions(): NginxOptions {
    return {
      ...this.#places('edge'),
      config: nginxEdge(this.#topology),
      hosts: hostsFile(this.#topology),
      listens: this.#topology.edge,
    };
  }

  #places(name: string): Pick<NginxOptions, 'name' | 'dir' | 'log'> {
    const dir = join(this.dir, 'nginx');
    return { name, dir, log: join(this.dir, 'logs', `${name}.nginx.log`) };
  }
}

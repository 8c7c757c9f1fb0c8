/** `endpoints.json`: the address and pid of every component, for tools and tests. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export const COMPONENT_NAMES = ['engine', 'processor', 'simulator', 'kafka', 'postgres'] as const;
export type ComponentName = (typeof COMPONENT_NAMES)[number];

interface CommonEndpoints {
  readonly api: string;
  readonly simulator: string;
  readonly postgres: string;
  /** host:port */
  readonly kafka: string;
  readonly dataDir: string;
  /** Tokens of the admin ports, by role. */
  readonly adminTokenFile: string;
  /** The simulator's. */
  readonly webhookSecret: string;
}

export interface Endpoints extends CommonEndpoints {
  readonly admin: string;
  readonly processorAdmin: string;
  readonly pids: Partial<Record<ComponentName, number>>;
}

/** Of two shards and more; the lists are in the order of shard and processor numbers. */
export interface ClusterEndpoints extends CommonEndpoints {
  readonly admin: readonly string[];
  readonly processorAdmin: readonly string[];
  readonly pids: {
    readonly engine: readonly number[];
    readonly processor: readonly number[];
    /** The nginx beside each engine. */
    readonly engineHost: readonly number[];
    readonly edge?: number;
    readonly simulator?: number;
    readonly kafka?: number;
    readonly postgres?: number;
  };
  /** File: who signed the edge's certificate and all inner ones. */
  readonly ca: string;
  /** Folder of all certificates. */
  readonly pki: string;
  readonly topology: string;
  /** Development ones, by merchant. */
  readonly keys: Readonly<Record<string, string>>;
  /** Checksum secrets, of the merchants that have one. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Readers see the old file or the new one, never half of it. */
export function writeEndpoints(path: string, endpoints: Endpoints | ClusterEndpoints): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.next`, `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.next`, path);
}

export function removeEndpoints(path: string): void {
  rmSync(path, { force: true });
}

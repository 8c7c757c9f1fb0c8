/**
 * Runs a plan on this machine: groups of processes, started one group after the other, each
 * process kept running, stopped in the reverse order; `endpoints.json` follows.
 */
import { join } from 'node:path';
import type { PortsByVariable } from '../../engine/core/config.js';
import { EngineError } from '../../engine/core/errors.js';
import { accepts } from './child.js';
import {
  type ClusterEndpoints,
  type Endpoints,
  removeEndpoints,
  writeEndpoints,
} from './endpoints.js';
import { closeHome } from './home-modes.js';
import { claimHome, releaseHome } from './leftovers.js';
import { Component, type ComponentEvents, type ComponentSpec } from './supervisor.js';

/** Process ids by component name; what is not running yet is absent. */
export type Pids = Readonly<Record<string, number>>;

export interface PortClaim {
  readonly port: number;
  /** The environment variable that moves it. */
  readonly variable: string;
  readonly address?: string;
}

export interface StackPlan<E extends Endpoints | ClusterEndpoints> {
  readonly home: string;
  readonly ports: readonly PortClaim[];
  /** What the processes need on disk; called once the home is ours. */
  readonly prepare?: () => void | Promise<void>;
  readonly groups: readonly (readonly ComponentSpec[])[];
  readonly endpointsOf: (pids: Pids) => E;
  /** Asked again while it runs: what is new in these groups is started too. */
  readonly more?: () => readonly (readonly ComponentSpec[])[];
}

export interface Stack<E extends Endpoints | ClusterEndpoints> {
  readonly endpoints: E;
  /** Starts what the plan has more by now, and keeps it running like the rest. */
  grow(): Promise<void>;
  /** Stops everything in order, within 15 s. */
  stop(): Promise<void>;
}

/** @param say one line of progress */
export async function startStack<E extends Endpoints | ClusterEndpoints>(
  plan: StackPlan<E>,
  say: (line: string) => void,
): Promise<Stack<E>> {
  process.umask(0o077);
  await claimHome(plan.home);
  closeHome(plan.home);
  await checkPorts(plan.ports);
  const file = join(plan.home, 'endpoints.json');
  const pids: Record<string, number> = {};
  let isUp = false;
  const events: ComponentEvents = {
    onStarted(name, pid) {
      pids[name] = pid;
      if (isUp) say(`${name} is running again (pid ${pid})`);
      writeEndpoints(file, plan.endpointsOf(pids));
    },
    onDeath: (name, ms) => say(`${name} ended unasked; starting it again in ${ms} ms`),
    onFailedStart: (name, reason) => say(`${name} does not start: ${reason}`),
  };
  const groups = plan.groups.map((group) => group.map((it) => new Component(it, events)));
  const stop = async (): Promise<void> => {
    for (const group of groups.toReversed()) await Promise.all(group.map((it) => it.stop()));
    removeEndpoints(file);
    releaseHome(plan.home);
  };
  try {
    await plan.prepare?.();
    for (const group of groups) await startAll(group, say);
  } catch (error) {
    await stop();
    throw error;
  }
  isUp = true;
  const grow = async (): Promise<void> => {
    const known = new Set(groups.flat().map((it) => it.name));
    for (const specs of plan.more?.() ?? []) {
      const added = specs
        .filter((it) => !known.has(it.name))
        .map((it) => new Component(it, events));
      groups.push(added);
      await startAll(added, say);
    }
  };
  return { endpoints: plan.endpointsOf(pids), stop, grow };
}

async function startAll(
  components: readonly Component[],
  say: (line: string) => void,
): Promise<void> {
  const outcomes = await Promise.allSettled(
    components.map(async (it) => {
      const since = Date.now();
      const notReady = await it.start();
      const seconds = ((Date.now() - since) / 1_000).toFixed(1);
      say(
        `${it.name} is ${notReady === undefined ? 'ready' : `not ready: ${notReady}`} (${seconds} s)`,
      );
    }),
  );
  for (const it of outcomes) if (it.status === 'rejected') throw it.reason;
}

/** Claims on loopback. */
export function claimsOf(byVariable: PortsByVariable): PortClaim[] {
  return Object.entries(byVariable).flatMap(([variable, ports]) =>
    ports.map((port) => ({ port, variable })),
  );
}

async function checkPorts(claims: readonly PortClaim[]): Promise<void> {
  const taken = await Promise.all(
    claims.map(async ({ port, variable, address }) =>
      (await accepts(port, address)) ? `port ${port} is taken: set ${variable}` : undefined,
    ),
  );
  const problems = taken.filter((it) => it !== undefined);
  if (problems.length > 0) throw new EngineError('port_taken', [...new Set(problems)].join('; '));
}

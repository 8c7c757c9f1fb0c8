/**
 * Runs a plan on this machine: groups of processes, started one group after the other, each
 * process kept running, stopped in the reverse order; `endpoints.json` follows.
 */
import { join } from 'node:path';
import type { PortsByVariable } from '../../engine/config/stack-ports.js';
import { describeHolders, listenersOn } from '../../engine/host/socket-holders.js';
import { EngineError } from '../../engine/util/errors.js';
import { accepts } from './child.js';
import {
  type ClusterEndpoints,
  type Endpoints,
  removeEndpoints,
  writeEndpoints,
} from './endpoints.js';
import { closeHome } from './home-modes.js';
import { claimHome, type HomeClaim } from './orphans.js';
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

/**
 * The plan less some of its processes, for work on what they have open. Throws EngineError
 * `component_unknown`.
 */
export function planWithout<E extends Endpoints | ClusterEndpoints>(
  plan: StackPlan<E>,
  names: readonly string[],
): StackPlan<E> {
  const known = plan.groups.flat().map((group) => group.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new EngineError(
      'component_unknown',
      `${unknown.join(', ')}: the processes are ${known.join(', ')}`,
    );
  const less = (groups: StackPlan<E>['groups']) =>
    groups.map((group) => group.filter((spec) => !names.includes(spec.name)));
  const { more } = plan;
  return {
    ...plan,
    groups: less(plan.groups),
    ...(more ? { more: () => less(more()) } : {}),
  };
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
  const claim = await claimHome(plan.home);
  try {
    return await startClaimed(plan, say, claim);
  } catch (error) {
    claim.release();
    throw error;
  }
}

async function startClaimed<E extends Endpoints | ClusterEndpoints>(
  plan: StackPlan<E>,
  say: (line: string) => void,
  claim: HomeClaim,
): Promise<Stack<E>> {
  closeHome(plan.home);
  await checkPorts(plan.ports);
  const file = join(plan.home, 'endpoints.json');
  // Of a supervisor that was killed.
  removeEndpoints(file);
  const pids: Record<string, number> = {};
  let isUp = false;
  const publish = (): void => {
    if (isUp) writeEndpoints(file, plan.endpointsOf(pids));
  };
  const events: ComponentEvents = {
    onSpawned(name, pid) {
      pids[name] = pid;
      publish();
    },
    onStarted(name, pid) {
      if (isUp) say(`${name} is running again (pid ${pid})`);
    },
    onDeath: (name, ms) => say(`${name} ended unasked; starting it again in ${ms} ms`),
    onFailedStart: (name, reason) => say(`${name} does not start: ${reason}`),
  };
  const groups = plan.groups.map((group) => group.map((spec) => new Component(spec, events)));
  const stop = async (): Promise<void> => {
    for (const group of groups.toReversed())
      await Promise.all(group.map((component) => component.stop()));
    removeEndpoints(file);
    claim.release();
  };
  try {
    await plan.prepare?.();
    for (const group of groups) await startAll(group, say);
  } catch (error) {
    await stop();
    throw error;
  }
  isUp = true;
  publish();
  const grow = async (): Promise<void> => {
    const known = new Set(groups.flat().map((group) => group.name));
    for (const specs of plan.more?.() ?? []) {
      const added = specs
        .filter((spec) => !known.has(spec.name))
        .map((spec) => new Component(spec, events));
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
    components.map(async (component) => {
      const since = Date.now();
      const notReady = await component.start();
      const seconds = ((Date.now() - since) / 1_000).toFixed(1);
      say(
        `${component.name} is ${notReady === undefined ? 'ready' : `not ready: ${notReady}`} (${seconds} s)`,
      );
    }),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
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
      (await accepts(port, address))
        ? `port ${port} is taken by ${describeHolders(listenersOn(port))}: set ${variable}`
        : undefined,
    ),
  );
  const problems = taken.filter((name) => name !== undefined);
  if (problems.length > 0) throw new EngineError('port_taken', [...new Set(problems)].join('; '));
}

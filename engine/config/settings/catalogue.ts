/**
 * Every setting of every process: what a misspelt name is compared with, and what the
 * reference page (docs/reference/settings.md) is written from.
 */
import type { Environment, Setting, SettingsTable } from '../settings.js';
import { clientTable } from './client.js';
import { clusterTable } from './cluster.js';
import { dnsTable } from './dns.js';
import { engineTable } from './engine.js';
import { processorTable } from './processor.js';
import { shared } from './shared.js';
import { simulatorTable } from './simulator.js';
import { stackTable } from './stack.js';

const PREFIX = 'TOLLGATE_';
/** The supervisor and the proofs set these. They are no settings of a user. */
const INTERNAL = /^TOLLGATE_(STOP_WITH_PARENT|PROOF_[A-Z_]+)$/;

/** In the order of the reference page; a setting of several processes belongs to the first. */
export const TABLES: Readonly<Record<string, SettingsTable>> = {
  'Engines and processors': shared,
  Engines: engineTable,
  Processors: processorTable,
  Simulator: simulatorTable,
  'The system on one machine (`make run`)': stackTable,
  'The cluster on one machine (`make cluster`)': clusterTable,
  'Clients (`tollgate pay`, `get`, `load`)': clientTable,
  'DNS (`ops/deploy/dns`)': dnsTable,
};

export const ALL_SETTINGS: readonly Setting<unknown>[] = Object.values(TABLES).flatMap((table) =>
  Object.values(table),
);

/** Names that no process knows, each with the nearest one that exists. Empty values are unset. */
export function unknownNames(environment: Environment): string[] {
  const known = [...new Set(ALL_SETTINGS.map((setting) => setting.env))];
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith(PREFIX) && value !== undefined && value !== '')
    .filter(([name]) => !known.includes(name) && !INTERNAL.test(name))
    .map(([name]) => `${name}: there is no such setting; the nearest is ${nearest(name, known)}`);
}

function nearest(name: string, known: readonly string[]): string {
  const distances = known.map((text) => ({ it: text, distance: distanceOf(name, text) }));
  return distances.reduce((best, next) => (next.distance < best.distance ? next : best)).it;
}

/** Insertions, deletions, substitutions and swaps of neighbours between two names. */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

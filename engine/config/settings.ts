/**
 * The building blocks of configuration: a *setting* is one environment variable with its default,
 * parser and one line of documentation; a *table* is a record of settings. `readSettings` reads a
 * whole table and reports all problems at once.
 *
 * Pure except for files of secrets: the caller passes the environment, and only `config.ts` reads
 * the real one.
 */

import { readFileSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import { isProviderName } from '../domain/payment.js';

const SECRET_CHARS_MIN = 16;

export interface Setting<T> {
  readonly env: string;
  readonly doc: string;
  readonly fallback: T;
  /** Throws an Error whose message says what would be accepted. */
  readonly parse: (text: string) => T;
  /** What the parser takes, for the reference page. */
  readonly accepts?: string;
  /** The default as the reference page shows it, where it depends on the machine. */
  readonly shown?: string;
  /** Never shown: not in logs, not on the admin page. */
  readonly isSecret?: true;
}

export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;
export type SettingsOf<T extends SettingsTable> = {
  readonly [K in keyof T]: T[K] extends Setting<infer V> ? V : never;
};
export type Environment = Readonly<Record<string, string | undefined>>;

/** All the problems of one configuration, one a line. */
export class ConfigurationError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(`the configuration has ${count}:\n  - ${problems.join('\n  - ')}`);
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}

/**
 * Reads every setting of `table` from `environment`; `relations` returns further problems
 * that only show between settings. Throws ConfigurationError with all of them together.
 */
export function readSettings<T extends SettingsTable>(
  table: T,
  environment: Environment,
  relations: (settings: SettingsOf<T>) => readonly string[] = () => [],
): SettingsOf<T> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table)) {
    const text = environment[setting.env];
    try {
      values[name] = text === undefined || text === '' ? setting.fallback : setting.parse(text);
    } catch (error) {
      values[name] = setting.fallback;
      problems.push(`${setting.env}: ${(error as Error).message}`);
    }
  }
  const settings = values as SettingsOf<T>;
  problems.push(...relations(settings));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return settings;
}

export function integer(
  env: string,
  fallback: number,
  min: number,
  max: number,
  doc: string,
): Setting<number> {
  const parse = (text: string): number => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      throw new Error(`"${text}" is not a whole number from ${min} to ${max}`);
    }
    return value;
  };
  return { env, doc, fallback, parse, accepts: `${min} to ${max}` };
}

export function port(env: string, fallback: number, doc: string): Setting<number> {
  return integer(env, fallback, 1, 65_535, doc);
}

/** A list of ports, separated by commas. */
export function ports(
  env: string,
  fallback: readonly number[],
  doc: string,
): Setting<readonly number[]> {
  const parse = (value: string): readonly number[] =>
    value.split(',').map((part) => port(env, 1, doc).parse(part.trim()));
  return { env, doc, fallback, parse, accepts: 'ports, separated by commas' };
}

export function text(env: string, fallback: string, doc: string): Setting<string> {
  return { env, doc, fallback, parse: (value) => value };
}

/** Words separated by commas. */
export function words(env: string, fallback: readonly string[], doc: string) {
  return { env, doc, fallback, parse: split } satisfies Setting<readonly string[]>;
}

/** Names of providers, each once, separated by commas. */
export function providers(env: string, doc: string): Setting<readonly string[]> {
  const parse = (value: string): readonly string[] => {
    const names = split(value);
    for (const name of names)
      if (!isProviderName(name)) throw new Error(`"${name}" is not a provider name`);
    if (new Set(names).size !== names.length) throw new Error('a provider is named twice');
    return names;
  };
  return { env, doc, fallback: [], parse };
}

/** A JSON object whose names are provider names and whose values are URLs. */
export function urls(env: string, doc: string): Setting<Readonly<Record<string, string>>> {
  const parse = (value: string): Readonly<Record<string, string>> => {
    const found = parseObject(value);
    for (const [name, url] of Object.entries(found)) {
      if (!isProviderName(name)) throw new Error(`"${name}" is not a provider name`);
      if (typeof url !== 'string' || !URL.canParse(url)) throw new Error(`${name} has no URL`);
    }
    return found as Record<string, string>;
  };
  return { env, doc, fallback: {}, parse };
}

export function flag(env: string, fallback: boolean, doc: string): Setting<boolean> {
  const parse = (value: string): boolean => {
    if (value === 'on' || value === 'true' || value === '1') return true;
    if (value === 'off' || value === 'false' || value === '0') return false;
    throw new Error(`"${value}" is neither on nor off`);
  };
  return { env, doc, fallback, parse, accepts: 'on or off' };
}

export function choice<const C extends readonly string[]>(
  env: string,
  fallback: C[number],
  choices: C,
  doc: string,
): Setting<C[number]> {
  const parse = (value: string): C[number] => {
    if (choices.includes(value)) return value;
    throw new Error(`"${value}" is none of ${choices.join(', ')}`);
  };
  return { env, doc, fallback, parse, accepts: choices.join(', ') };
}

/** Secrets, separated by commas: the current one, and during a rotation the one before it. */
export function secrets(env: string, countMax: number, doc: string): Setting<readonly string[]> {
  const parse = (value: string): readonly string[] => {
    const found = split(value);
    if (found.length > countMax) throw new Error(`more than ${countMax} secrets`);
    if (found.some((name) => name.length < SECRET_CHARS_MIN || /\s/.test(name)))
      throw new Error(`a secret has at least ${SECRET_CHARS_MIN} characters and no white space`);
    return found;
  };
  return { env, doc, fallback: [], parse, isSecret: true };
}

/** The path of a file whose content is the value. */
export function secretFile(env: string, doc: string): Setting<string> {
  const parse = (path: string): string => readFileSync(path, 'utf8').trim();
  return { env, doc, fallback: '', parse, isSecret: true };
}

/** IPv4 and IPv6 ranges (CIDR) or single addresses, separated by commas. */
export function addressRanges(
  env: string,
  fallback: string,
  doc: string,
): Setting<readonly string[]> {
  const parse = (value: string): readonly string[] =>
    split(value).map((name) => {
      if (ipaddr.isValidCIDR(name)) return name;
      if (!ipaddr.isValid(name)) throw new Error(`"${name}" is no address range`);
      return `${name}/${ipaddr.parse(name).kind() === 'ipv4' ? 32 : 128}`;
    });
  return { env, doc, fallback: parse(fallback), parse };
}

/** The settings as they may be shown. */
export function shownSettings(table: SettingsTable, settings: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      table[name]?.isSecret ? '(secret)' : value,
    ]),
  );
}

function split(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((name) => name !== '');
}

export function powerOfTwo(
  env: string,
  fallback: number,
  min: number,
  max: number,
  doc: string,
): Setting<number> {
  const whole = integer(env, fallback, min, max, doc);
  const parse = (value: string): number => {
    const number = whole.parse(value);
    if ((number & (number - 1)) !== 0) throw new Error(`"${value}" is not a power of two`);
    return number;
  };
  return { ...whole, parse, accepts: `a power of two, ${whole.accepts}` };
}

export interface NamedDelay {
  /** As it was written, e.g. `30s`: part of a topic's name. */
  readonly name: string;
  readonly ms: number;
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DELAYS_MAX = 8;

/** `5s,30s,5m`: ascending. */
export function delays(env: string, fallback: string, doc: string): Setting<readonly NamedDelay[]> {
  const parse = (value: string): readonly NamedDelay[] => {
    const found = value.split(',').map((part) => {
      const [, digits, unit] = /^([1-9]\d{0,5})(ms|s|m|h)$/.exec(part.trim()) ?? [];
      return { name: part.trim(), ms: Number(digits) * (UNIT_MS[unit ?? ''] ?? Number.NaN) };
    });
    const isAscending = found.every(({ ms }, i) => ms > (found[i - 1]?.ms ?? 0));
    if (!isAscending || found.length > DELAYS_MAX)
      throw new Error(`"${value}" is not up to ${DELAYS_MAX} ascending delays such as 5s,30s,5m`);
    return found;
  };
  return { env, doc, fallback: parse(fallback), parse };
}

function parseObject(value: string): object {
  const expected = 'not a JSON object such as {"name": "http://127.0.0.1:8090"}';
  try {
    const found: unknown = JSON.parse(value);
    if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found;
  } catch {}
  throw new Error(expected);
}

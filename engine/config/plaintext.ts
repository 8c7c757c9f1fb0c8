/**
 * Plain text leaves this machine only to hosts that TOLLGATE_ALLOW_PLAINTEXT names. One table
 * lists every setting that names a host or a listener; every process checks its own at the start.
 * Loopback addresses, localhost and unix sockets are on this machine and need no permission.
 *
 * A new setting that names a host gets a line in PLACES; a test fails for one that has none.
 */
import { isLoopback } from '../util/loopback.js';
import { shared } from './settings/shared.js';
import { type Environment, readSettings, type SettingsTable } from './settings.js';

interface Place {
  /** The hosts, without port, that this value would reach in plain text. */
  readonly hosts: (value: string, environment: Environment) => readonly string[];
  /** What encrypts instead. */
  readonly remedy: string;
}

const webAddress: Place = { hosts: (value) => plainUrlHosts([value]), remedy: 'use https://' };
const postgres: Place = {
  hosts: plainPostgresHosts,
  remedy: 'add sslmode=verify-full (or require) to the URL',
};

/** Every setting that names a host which is connected to, or an address that is listened on. */
export const PLACES: Readonly<Record<string, Place>> = {
  TOLLGATE_HOST: {
    hosts: (value, { TOLLGATE_SOCKET }) => (TOLLGATE_SOCKET ? [] : [value]),
    remedy: 'listen on 127.0.0.1 or TOLLGATE_SOCKET behind an nginx that ends TLS',
  },
  TOLLGATE_KAFKA_BROKERS: {
    hosts: (value, { TOLLGATE_KAFKA_CA }) => (TOLLGATE_KAFKA_CA ? [] : brokerHosts(value)),
    remedy: 'set TOLLGATE_KAFKA_CA, TOLLGATE_KAFKA_CERT and TOLLGATE_KAFKA_KEY',
  },
  TOLLGATE_DATABASE_URL: postgres,
  TOLLGATE_DATABASE_OWNER_URL: postgres,
  TOLLGATE_SIMULATOR_URL: webAddress,
  TOLLGATE_SIMULATORS: {
    hosts: (value) => plainUrlHosts(Object.values(JSON.parse(value) as Record<string, string>)),
    remedy: 'use https://',
  },
  TOLLGATE_STRIPE_URL: webAddress,
  TOLLGATE_WEBHOOK_URL: webAddress,
  TOLLGATE_CLOUDFLARE_URL: webAddress,
};

/** One sentence for each host that the settings of `table` would reach in plain text. */
export function plaintextProblems(table: SettingsTable, environment: Environment): string[] {
  const { allowPlaintext } = readSettings({ allowPlaintext: shared.allowPlaintext }, environment);
  return Object.values(table).flatMap((setting) => {
    const place = PLACES[setting.env];
    const value = environment[setting.env] || setting.fallback;
    if (!place || !value || typeof value !== 'string' || !canParse(setting, value)) return [];
    return place
      .hosts(value, environment)
      .filter((host) => !isPlaintextAllowed(host, allowPlaintext))
      .map((host) => plaintextProblem(setting.env, host, place.remedy));
  });
}

/** @returns a sentence for each peer of a topology that would be asked in plain text */
export function plainPeerProblems(
  peers: Readonly<Record<string, string>>,
  allowed: readonly string[],
): string[] {
  return Object.entries(peers).flatMap(([shard, url]) =>
    plainUrlHosts([url])
      .filter((host) => !isPlaintextAllowed(host, allowed))
      .map((host) => plaintextProblem(`peers.${shard} of the topology`, host, 'use https://')),
  );
}

/** Whether an origin (scheme, host, port) may be called: for code that calls, after the start. */
export function mayCall(origin: string, allowed: readonly string[]): boolean {
  return plainUrlHosts([origin]).every((host) => isPlaintextAllowed(host, allowed));
}

function isPlaintextAllowed(host: string, allowed: readonly string[]): boolean {
  const name = host.toLowerCase();
  return isOnThisMachine(name) || allowed.some((text) => bare(text.toLowerCase()) === name);
}

function isOnThisMachine(host: string): boolean {
  return host.startsWith('/') || isLoopback(host);
}

function plaintextProblem(where: string, host: string, remedy: string): string {
  return `${where}: ${host} is not on this machine and would be spoken to in plain text: ${remedy}, or allow it by name with TOLLGATE_ALLOW_PLAINTEXT=${host}`;
}

/** Another check reports a value that its setting does not take. */
function canParse(setting: SettingsTable[string], value: string): boolean {
  try {
    setting.parse(value);
    return true;
  } catch {
    return false;
  }
}

/** What is no URL is reported where it is used. */
function plainUrlHosts(urls: readonly string[]): string[] {
  return urls
    .filter((url) => URL.canParse(url) && new URL(url).protocol !== 'https:')
    .map((url) => bare(new URL(url).hostname));
}

function brokerHosts(brokers: string): string[] {
  const addresses = brokers.split(',').map((part) => part.trim().replace(/^\w+:\/\//, ''));
  return addresses
    .filter((address) => address !== '')
    .map((address) => bare(address.replace(/:\d+$/, '')));
}

const ENCRYPTED = ['require', 'verify-ca', 'verify-full'];

/** As the client reads the URL: of parameters given twice the last counts; a host may be one. */
function plainPostgresHosts(url: string, { PGHOST }: Environment): string[] {
  if (url.startsWith('/') || url.startsWith('socket:')) return [];
  // `URL` takes no user without a host, which is how the client writes a default host.
  const whole = url.replace('@/', '@localhost/');
  if (!URL.canParse(whole)) return [url.replace(/\/\/.*@/, '//')];
  const { hostname, searchParams } = new URL(whole);
  if (ENCRYPTED.includes(searchParams.getAll('sslmode').at(-1) ?? '')) return [];
  const named = searchParams.getAll('host').at(-1) || decodeURIComponent(hostname);
  return [bare(named || PGHOST || 'localhost')];
}

/** An IPv6 address without its brackets. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

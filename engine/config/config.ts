/**
 * The configuration of every process, read from its table in settings/, and the only file
 * that reads the environment.
 */
import { resolve } from 'node:path';
import { PROVIDERS, SIMULATOR, WALLET } from '../domain/payment.js';
import { outboundProblem } from '../util/egress-policy.js';
import { isLoopback } from '../util/loopback.js';
import { plaintextProblems } from './plaintext.js';
import { unknownNames } from './settings/catalogue.js';
import { clientTable } from './settings/client.js';
import { clusterTable } from './settings/cluster.js';
import { dnsTable } from './settings/dns.js';
import { engineTable } from './settings/engine.js';
import { processorTable } from './settings/processor.js';
import { shared } from './settings/shared.js';
import { simulatorTable } from './settings/simulator.js';
import { stackTable } from './settings/stack.js';
import {
  ConfigurationError,
  type Environment,
  readSettings,
  type SettingsOf,
  type SettingsTable,
} from './settings.js';
import { clusterPorts, samePorts, stackPorts } from './stack-ports.js';

export type EngineConfig = SettingsOf<typeof engineTable>;
export type ProcessorConfig = SettingsOf<typeof processorTable>;
export type SimulatorConfig = SettingsOf<typeof simulatorTable>;
export type StackConfig = SettingsOf<typeof stackTable>;
export type ClientConfig = SettingsOf<typeof clientTable>;
export type DnsConfig = SettingsOf<typeof dnsTable>;
export type ClusterConfig = SettingsOf<typeof clusterTable>;

/** The table of a whole process: unknown names and plain text to other hosts are problems too. */
function readProcess<T extends SettingsTable>(
  table: T,
  environment: Environment,
  relations: (settings: SettingsOf<T>) => readonly string[] = () => [],
): SettingsOf<T> {
  return readSettings(table, environment, (of) => [
    ...unknownNames(environment),
    ...plaintextProblems(table, environment),
    ...relations(of),
  ]);
}

export function engineConfig(environment: Environment = process.env): EngineConfig {
  const settings = readProcess(engineTable, environment, (of) => [
    ...(of.shard < of.shards
      ? []
      : [`TOLLGATE_SHARD: ${of.shard} is not below TOLLGATE_SHARDS (${of.shards})`]),
    ...(isLoopback(of.host) || of.keysFile !== ''
      ? []
      : [
          'TOLLGATE_HOST: without API keys (TOLLGATE_KEYS_FILE) only a loopback address is allowed',
        ]),
    ...(of.socket === '' || of.keysFile !== ''
      ? []
      : ['TOLLGATE_SOCKET: what is behind a proxy needs API keys (TOLLGATE_KEYS_FILE)']),
    ...samePorts({ TOLLGATE_API_PORT: [of.apiPort], TOLLGATE_ADMIN_PORT: [of.adminPort] }),
    ...simulatorProblems(of, [SIMULATOR]),
    ...kafkaTlsProblems(of),
  ]);
  const dataDir = resolve(settings.dataDir || `${settings.home}/data/shard-${settings.shard}`);
  const markFile = resolve(settings.markFile || `${dataDir}/acknowledged.json`);
  return { ...settings, dataDir, markFile };
}

/** Of engine, processor and the command line: all that work in one home have the same. */
export function adminTokensFile(entry: { home: string; adminTokensFile: string }): string {
  return resolve(entry.adminTokensFile || `${entry.home}/admin-tokens.json`);
}

/** Of a process that sends payments, which would fail for good without a provider. */
export function payingConfig(environment: Environment = process.env): ProcessorConfig {
  const config = processorConfig(environment);
  if (config.providers.length > 0) return config;
  throw new ConfigurationError([
    'TOLLGATE_PROVIDERS: name the providers that payments may go to, such as stripe,wallet',
  ]);
}

export function processorConfig(environment: Environment = process.env): ProcessorConfig {
  return readProcess(processorTable, environment, (of) => {
    const simulators = Object.keys(of.simulators);
    const known: readonly string[] = [...PROVIDERS, ...simulators];
    const routed = of.routes.flatMap((route) => route.providers);
    return [
      ...kafkaTlsProblems(of),
      ...outboundProblems(of.egressHosts, {
        TOLLGATE_SIMULATOR_URL: of.simulatorUrl,
        TOLLGATE_STRIPE_URL: of.stripeUrl,
        ...of.simulators,
      }),
      ...(hasStripe(of) && of.stripeReturnUrl === ''
        ? [
            'TOLLGATE_STRIPE_RETURN_URL: needed with a key of Stripe, or payers cannot come back from 3-D Secure',
          ]
        : []),
      ...of.providers
        .filter((name) => !known.includes(name))
        .map(
          (name) => `TOLLGATE_PROVIDERS: there is no provider ${name}: name ${known.join(', ')}`,
        ),
      ...(of.providers.includes('stripe') && !hasStripe(of)
        ? ['TOLLGATE_PROVIDERS: stripe needs TOLLGATE_STRIPE_KEY_FILE or TOLLGATE_STRIPE_KEY']
        : []),
      ...simulatorProblems(of, [SIMULATOR, ...simulators]),
      ...routed
        .filter((name) => !of.providers.includes(name))
        .map((name) => `TOLLGATE_ROUTES: ${name} is not in TOLLGATE_PROVIDERS`),
    ];
  });
}

/** TOLLGATE_PROVIDERS of a system on one machine; unless set, all that can work there. */
export function localProviders(environment: Environment = process.env): string {
  const { providers, simulators, stripeKey, stripeKeyFromFile } = processorTable;
  const table = { providers, simulators, stripeKey, stripeKeyFromFile };
  const of = readSettings(table, environment);
  const stripe = hasStripe(of) ? ['stripe'] : [];
  const all = [SIMULATOR, WALLET, ...stripe, ...Object.keys(of.simulators)];
  return (of.providers.length > 0 ? of.providers : all).join(',');
}

/** Anybody who can reach a simulator can make payments succeed. */
function simulatorProblems(
  entry: { readonly providers: readonly string[]; readonly production: boolean },
  simulators: readonly string[],
): string[] {
  return entry.providers
    .filter((name) => entry.production && simulators.includes(name))
    .map((name) => `TOLLGATE_PROVIDERS: ${name} is a simulator, and TOLLGATE_PRODUCTION is on`);
}

function hasStripe(entry: { stripeKey: string; stripeKeyFromFile: string }): boolean {
  return entry.stripeKey !== '' || entry.stripeKeyFromFile !== '';
}

export function simulatorConfig(environment: Environment = process.env): SimulatorConfig {
  const settings = readProcess(simulatorTable, environment, (of) =>
    of.production
      ? ['TOLLGATE_PRODUCTION: the simulator takes any payment and must not run in production']
      : [],
  );
  return {
    ...settings,
    simulatorDir: resolve(settings.simulatorDir || `${settings.home}/data/simulator`),
  };
}

export function stackConfig(environment: Environment = process.env): StackConfig {
  const settings = readProcess(stackTable, environment, (of) => samePorts(stackPorts(of)));
  return { ...settings, home: resolve(settings.home), cacheDir: resolve(settings.cacheDir) };
}

/** Of the command line: lines of JSON. */
export function auditLogFile(environment: Environment = process.env): string {
  const { home, auditLog } = readSettings(stackTable, environment);
  return resolve(auditLog || `${home}/logs/audit.log`);
}

/** Who ran `sudo`. */
export function sudoUser(): string | undefined {
  return process.env['SUDO_USER'] || undefined;
}

export function dnsConfig(environment: Environment = process.env): DnsConfig {
  return readProcess(dnsTable, environment);
}

/** What systemd tells a unit of Type=notify; undefined where nobody wants to be told. */
export function notifyConfig(
  environment: Environment = process.env,
): { readonly watchdogMs: number } | undefined {
  if (!environment['NOTIFY_SOCKET']) return undefined;
  const isOurs = [undefined, '', `${process.pid}`].includes(environment['WATCHDOG_PID']);
  return { watchdogMs: isOurs ? Number(environment['WATCHDOG_USEC'] ?? 0) / 1_000 : 0 };
}

export function clusterConfig(environment: Environment = process.env): ClusterConfig {
  const settings = readProcess(clusterTable, environment, (of) => [
    ...samePorts(clusterPorts(of)),
    ...(of.shards <= of.adminPorts.length
      ? []
      : [`TOLLGATE_ADMIN_PORTS: ${of.adminPorts.length} for ${of.shards} shards`]),
  ]);
  return { ...settings, home: resolve(settings.home), cacheDir: resolve(settings.cacheDir) };
}

export function clientConfig(environment: Environment = process.env): ClientConfig {
  return readProcess(clientTable, environment);
}

/** Files of one process' identity on the way to Kafka. */
export interface KafkaTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** @returns undefined: Kafka is spoken to in plain text */
export function kafkaTls(environment: Environment = process.env): KafkaTls | undefined {
  const { kafkaCa, kafkaCert, kafkaKey } = shared;
  const table = { ca: kafkaCa, cert: kafkaCert, key: kafkaKey };
  const tls = readSettings(table, environment);
  return tls.ca === '' ? undefined : tls;
}

/** Set by a supervisor whose children end with it: their standard input closes. */
export const STOP_WITH_PARENT = 'TOLLGATE_STOP_WITH_PARENT';

export function stopsWithParent(environment: Environment = process.env): boolean {
  return environment[STOP_WITH_PARENT] === 'on';
}

/** Sets each variable that is unset or empty, for this process and its threads. */
export function setDefaults(defaults: Environment): void {
  for (const [name, value] of Object.entries(defaults))
    if (!process.env[name] && value !== undefined) process.env[name] = value;
}

/** The environment handed to a child process: ours, with `overrides` on top. */
export function childEnvironment(overrides: Environment): Environment {
  return { ...process.env, ...overrides };
}

function kafkaTlsProblems(entry: Record<'kafkaCa' | 'kafkaCert' | 'kafkaKey', string>): string[] {
  const given = [entry.kafkaCa, entry.kafkaCert, entry.kafkaKey].filter((file) => file !== '');
  return given.length === 0 || given.length === 3
    ? []
    : ['TOLLGATE_KAFKA_CA, TOLLGATE_KAFKA_CERT and TOLLGATE_KAFKA_KEY go together'];
}

function outboundProblems(hosts: readonly string[], urls: Record<string, string>): string[] {
  return Object.entries(urls).flatMap(([name, url]) => {
    const problem = outboundProblem(url, hosts);
    return problem ? [`${name}: ${problem}`] : [];
  });
}

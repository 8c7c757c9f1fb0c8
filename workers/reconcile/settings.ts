/** The settings of reconciliation, converted to its own types. */
import { join, resolve } from 'node:path';
import { Stripe } from 'stripe';
import type { ProcessorConfig } from '../../engine/config/config.js';
import { Egress } from '../psp/egress.js';
import { EgressHttpClient } from '../psp/stripe/http-client.js';
import type { Clock } from './calendar.js';
import { type Fee, feesOf, type Rounding } from './fees.js';
import { FolderSource } from './sources/folder-source.js';
import { SimulatorSource } from './sources/simulator-source.js';
import type { SettlementSource } from './sources/source.js';
import { StripeSource } from './sources/stripe-source.js';
import { WalletSource } from './sources/wallet-source.js';

export interface ReconcileSettings extends Clock {
  readonly databaseUrl: string;
  readonly reportsDir: string;
  readonly lateMinutes: number;
  readonly fees: readonly Fee[];
  readonly feeRounding: Rounding;
}

/** A hundred transactions with their charges. */
const STRIPE_PAGE_BYTES_MAX = 8 * 1024 * 1024;
const STRIPE_RETRIES_MAX = 5;

export function reconcileSettings(config: ProcessorConfig): ReconcileSettings {
  return {
    databaseUrl: config.databaseUrl,
    reportsDir: resolve(config.home, 'reports'),
    timeZone: config.timeZone,
    cutoffHour: config.cutoffHour,
    lateMinutes: config.lateMinutes,
    fees: feesOf(config.providerFees),
    feeRounding: config.feeRounding,
  };
}

/** Everybody whose reports can be had. */
export async function settlementSources(config: ProcessorConfig): Promise<SettlementSource[]> {
  const folder = resolve(config.settlementDir || join(config.home, 'settlements'));
  return [
    new SimulatorSource('simulator', config.simulatorUrl, true),
    ...Object.entries(config.simulators)
      .filter(([name]) => name !== 'simulator')
      .map(([name, url]) => new SimulatorSource(name, url)),
    ...stripeSources(config),
    new WalletSource(config.databaseUrl),
    ...(await FolderSource.of(folder)),
  ];
}

/** Only reads, so a refused call may be made again. */
function stripeSources(config: ProcessorConfig): SettlementSource[] {
  const key = config.stripeKey || config.stripeKeyFromFile;
  if (key === '') return [];
  const { hostname, port, protocol } = new URL(config.stripeUrl);
  const egress = new Egress(config.stripeUrl, { ...config, answerBytesMax: STRIPE_PAGE_BYTES_MAX });
  const stripe = new Stripe(key, {
    httpClient: new EgressHttpClient(egress),
    host: hostname,
    port: port || '443',
    protocol: protocol === 'http:' ? 'http' : 'https',
    timeout: config.pspTimeoutMs,
    maxNetworkRetries: STRIPE_RETRIES_MAX,
    telemetry: false,
  });
  return [new StripeSource(stripe.balanceTransactions)];
}

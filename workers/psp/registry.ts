/** The configured providers: built once per worker from the settings, and looked up by name. */
import type { Psp } from './port.js';
import { SimulatorPsp } from './simulator/simulator-psp.js';
import { StripePsp, type StripeSettings } from './stripe/stripe-psp.js';
import { WalletPsp, type WalletSettings } from './wallet/wallet-psp.js';

export interface PspSettings extends StripeSettings, WalletSettings {
  /** Which of them there are. */
  readonly providers: readonly string[];
  readonly simulatorUrl: string;
  /** Further providers that speak the simulator's API: name to URL. */
  readonly simulators: Readonly<Record<string, string>>;
  readonly simulatorKeyWindowMs: number;
  readonly simulatorFindLagMs: number;
  readonly simulatorReplaysErrors: boolean;
  /** Both empty: there is no Stripe. */
  readonly stripeKey: string;
  readonly stripeKeyFromFile: string;
}

export function openPsps(settings: PspSettings): ReadonlyMap<string, Psp> {
  const simulators = { ...settings.simulators, simulator: settings.simulatorUrl };
  const traits = {
    keyWindowMs: settings.simulatorKeyWindowMs,
    findLagMs: settings.simulatorFindLagMs,
    replaysErrors: settings.simulatorReplaysErrors,
  };
  const stripeKey = settings.stripeKey || settings.stripeKeyFromFile;
  const psps: Psp[] = [
    new WalletPsp(settings),
    ...(stripeKey === '' ? [] : [new StripePsp(stripeKey, settings)]),
    ...Object.entries(simulators).map(
      ([name, url]) => new SimulatorPsp(name, url, settings, traits),
    ),
  ];
  const configured = psps.filter((psp) => settings.providers.includes(psp.name));
  return new Map(configured.map((psp) => [psp.name, psp]));
}

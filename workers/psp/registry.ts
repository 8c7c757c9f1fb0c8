/** Which providers there are: built once a worker from the settings, and found by name. */
import type { EgressSettings } from './egress.js';
import type { Psp } from './port.js';
import { SimulatorPsp } from './simulator/simulator-psp.js';

export interface PspSettings extends EgressSettings {
  readonly simulatorUrl: string;
  /** Further providers that speak the simulator's API: name to URL. */
  readonly simulators: Readonly<Record<string, string>>;
  readonly simulatorKeyWindowMs: number;
  readonly simulatorFindLagMs: number;
  readonly simulatorReplaysErrors: boolean;
}

export function openPsps(settings: PspSettings): ReadonlyMap<string, Psp> {
  const simulators = { simulator: settings.simulatorUrl, ...settings.simulators };
  const traits = {
    keyWindowMs: settings.simulatorKeyWindowMs,
    findLagMs: settings.simulatorFindLagMs,
    replaysErrors: settings.simulatorReplaysErrors,
  };
  const psps = Object.entries(simulators).map(
    ([name, url]): Psp => new SimulatorPsp(name, url, settings, traits),
  );
  return new Map(psps.map((it) => [it.name, it]));
}

/** Which providers there are: built once a worker from the settings, and found by name. */
import type { Psp } from './port.js';
import { SimulatorPsp } from './simulator/simulator-psp.js';

export interface PspSettings {
  readonly simulatorUrl: string;
  /** Further providers that speak the simulator's API: name to URL. */
  readonly simulators: Readonly<Record<string, string>>;
  readonly pspTimeoutMs: number;
}

export function openPsps(settings: PspSettings): ReadonlyMap<string, Psp> {
  const simulators = { simulator: settings.simulatorUrl, ...settings.simulators };
  const psps = Object.entries(simulators).map(
    ([name, url]): Psp => new SimulatorPsp(name, url, settings.pspTimeoutMs),
  );
  return new Map(psps.map((it) => [it.name, it]));
}

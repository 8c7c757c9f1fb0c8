/** Which providers may take a checkout, in order of preference. Pure. */

import type { Route } from '../../engine/config/settings/routes.js';
import { defaultProvider, WALLET } from '../../engine/domain/payment.js';

export interface Routed {
  /** The provider asked for, or auto. */
  readonly asked: string;
  readonly amount: number;
  readonly currency: string;
  readonly paymentMethod: string;
}

export interface RoutingSettings {
  readonly routes: readonly Route[];
  /** Those that are configured. */
  readonly providers: readonly string[];
}

export function candidatesFor(settings: RoutingSettings, it: Routed): readonly string[] {
  const { routes, providers } = settings;
  if (it.paymentMethod.startsWith('wallet_')) return [WALLET];
  const rule = routes.find(
    (rule) =>
      rule.asked === it.asked &&
      (rule.currency === null || rule.currency === it.currency) &&
      it.amount >= rule.amountMin &&
      it.amount <= rule.amountMax,
  );
  if (rule) return rule.providers;
  return [it.asked === 'auto' ? (defaultProvider(providers) ?? it.asked) : it.asked];
}

/**
 * Of the candidates that are configured the first that takes calls; when none does, the
 * first. One that has just said no comes last.
 */
export function chooseProvider(
  candidates: readonly string[],
  isConfigured: (name: string) => boolean,
  takesCalls: (name: string) => boolean,
  refused: string | null = null,
): string | undefined {
  const known = candidates.filter(isConfigured);
  const ordered = [
    ...known.filter((it) => it !== refused),
    ...known.filter((it) => it === refused),
  ];
  return ordered.find(takesCalls) ?? known[0];
}

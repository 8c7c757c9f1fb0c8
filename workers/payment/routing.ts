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

export function candidatesFor(settings: RoutingSettings, routed: Routed): readonly string[] {
  const { routes, providers } = settings;
  if (routed.paymentMethod.startsWith('wallet_')) return [WALLET];
  const rule = routes.find(
    (rule) =>
      rule.asked === routed.asked &&
      (rule.currency === null || rule.currency === routed.currency) &&
      routed.amount >= rule.amountMin &&
      routed.amount <= rule.amountMax,
  );
  if (rule) return rule.providers;
  return [routed.asked === 'auto' ? (defaultProvider(providers) ?? routed.asked) : routed.asked];
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
    ...known.filter((text) => text !== refused),
    ...known.filter((text) => text === refused),
  ];
  return ordered.find(takesCalls) ?? known[0];
}

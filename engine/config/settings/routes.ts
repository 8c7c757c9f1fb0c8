/**
 * Which provider a checkout goes to: rules, the first that matches counts. Read from JSON,
 * checked whole.
 */
import { CURRENCY_RULE, isCurrency } from '../../domain/currencies.js';
import { isProviderName } from '../../domain/payment.js';
import type { Setting } from '../settings.js';

export interface Route {
  /** The provider that the checkout asks for; `auto` unless the rule says otherwise. */
  readonly asked: string;
  readonly currency: string | null;
  /** Minor units, both inclusive. */
  readonly amountMin: number;
  readonly amountMax: number;
  /** In order of preference; the later ones only while surely nobody has taken the charge. */
  readonly providers: readonly string[];
}

const RULES_MAX = 100;
const FIELDS = ['asked', 'currency', 'amount_min', 'amount_max', 'provider', 'fallback'];
const DOC =
  'JSON list, first match counts: [{"currency": "EUR", "amount_max": 5000, "provider": "stripe", "fallback": ["simulator"]}]; "asked" matches the provider asked for (default "auto")';

export function routes(env: string): Setting<readonly Route[]> {
  return { env, doc: DOC, fallback: [], parse: parseRoutes };
}

function parseRoutes(text: string): readonly Route[] {
  const rules: unknown = parseJson(text);
  if (!Array.isArray(rules) || rules.length > RULES_MAX)
    throw new Error(`not a JSON list of at most ${RULES_MAX} rules`);
  return rules.map((rule, i) => routeOf(rule, `rule ${i + 1}`));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`not JSON: ${(error as Error).message}`);
  }
}

function routeOf(rule: unknown, name: string): Route {
  if (typeof rule !== 'object' || rule === null) throw new Error(`${name} is not an object`);
  const entry = rule as Record<string, unknown>;
  for (const field of Object.keys(entry))
    if (!FIELDS.includes(field)) throw new Error(`${name} has an unknown field ${field}`);
  const { asked = 'auto', currency = null, amount_min = 1, fallback = [] } = entry;
  const amount_max = entry['amount_max'] ?? Number.MAX_SAFE_INTEGER;
  if (asked !== 'auto' && !isProviderName(asked))
    throw new Error(`${name}: asked is neither auto nor a provider name`);
  if (currency !== null && !isCurrency(`${currency}`))
    throw new Error(`${name}: currency must be ${CURRENCY_RULE}`);
  if (!Number.isSafeInteger(amount_min) || !Number.isSafeInteger(amount_max))
    throw new Error(`${name}: an amount is not a whole number of minor units`);
  if (!Array.isArray(fallback)) throw new Error(`${name}: fallback is not a list`);
  const providers = [entry['provider'], ...fallback];
  for (const provider of providers)
    if (!isProviderName(provider)) throw new Error(`${name}: "${provider}" is not a provider name`);
  return {
    asked: asked as string,
    currency: currency as string | null,
    amountMin: amount_min as number,
    amountMax: amount_max as number,
    providers: providers as string[],
  };
}

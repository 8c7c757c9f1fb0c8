/** What proofs ask of the simulator and tell it. */
import { type LocalSystem, until } from './system.js';

export async function setFaults(system: LocalSystem, faults: object): Promise<void> {
  await fetch(`${system.endpoints.simulator}/faults`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(faults),
  });
}

export type WebhookFigures = Record<
  'events' | 'lost' | 'repeated' | 'reordered' | 'attempts' | 'delivered' | 'given_up' | 'pending',
  number
>;

/** What the simulator says of the webhooks it has sent. */
export async function webhookCounts(system: LocalSystem): Promise<WebhookFigures> {
  return (await (await fetch(`${system.endpoints.simulator}/webhooks`)).json()) as WebhookFigures;
}

/** Waits until every event is delivered or given up. */
export async function webhooksAreOut(system: LocalSystem, msMax: number): Promise<void> {
  const areOut = async (): Promise<boolean> => (await webhookCounts(system)).pending === 0;
  await until('all webhooks are delivered', msMax, areOut);
}

export interface LedgerCharge {
  readonly reference: string;
  readonly checkout_id: string;
  readonly status: string;
}

/** A payment's charges, by the provider's own ledger. */
export async function chargesOf(system: LocalSystem, id: string): Promise<LedgerCharge[]> {
  const page = await (await fetch(`${system.endpoints.simulator}/ledger?checkout_id=${id}`)).json();
  return (page as { charges: LedgerCharge[] }).charges;
}

/** The statuses of the charges of every payment. */
export async function allCharges(system: LocalSystem): Promise<Map<string, string[]>> {
  const charges = new Map<string, string[]>();
  let after: number | undefined = 0;
  while (after !== undefined) {
    const page = await (await fetch(`${system.endpoints.simulator}/ledger?after=${after}`)).json();
    const found = page as { charges: LedgerCharge[]; next?: number };
    for (const { checkout_id, status } of found.charges)
      charges.set(checkout_id, [...(charges.get(checkout_id) ?? []), status]);
    after = found.next;
  }
  return charges;
}

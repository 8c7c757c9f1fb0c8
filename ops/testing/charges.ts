/** What a simulator's ledger says of one payment, and how it is made unkind. */
export interface LedgerCharge {
  readonly reference: string;
  readonly checkout_id: string;
  readonly idempotency_key: string;
  readonly amount: number;
  readonly status: 'captured' | 'declined' | 'authorized' | 'canceled' | 'refunded';
}

export async function chargesOf(simulator: string, id: string): Promise<LedgerCharge[]> {
  const page = await (await fetch(`${simulator}/ledger?checkout_id=${id}`)).json();
  return (page as { charges: LedgerCharge[] }).charges;
}

export async function setFaults(simulator: string, faults: object): Promise<void> {
  const response = await fetch(`${simulator}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(faults),
  });
  if (!response.ok) throw new Error(`faults are refused: ${await response.text()}`);
}

export async function clearFaults(simulator: string): Promise<void> {
  await fetch(`${simulator}/faults`, { method: 'DELETE' });
}

export async function callsOf(simulator: string): Promise<number> {
  const summary = await (await fetch(`${simulator}/ledger/summary`)).json();
  return (summary as { calls: number }).calls;
}

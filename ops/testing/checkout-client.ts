/** Posts checkouts as a client would, for tests. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Headers;
}

export const VISA = { amount: 1999, currency: 'USD', payment_method: 'pm_card_visa' };

export async function post(api: string, id: string, body: unknown = VISA): Promise<Answer> {
  const response = await fetch(`${api}/payments`, {
    method: 'POST',
    headers: { 'X-PAYMENT-CHECKOUT-ID': id, 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

export async function get(
  api: string,
  id: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${api}/payments/${id}`, { headers });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { chargesOf } from '../testing/charges.js';
import { get, post, VISA } from '../testing/checkout-client.js';
import { freePorts } from '../testing/engine-process.js';
import { LocalSystem, until } from '../testing/system.js';

/** Longer than the first record waits for its consumer. */
const DEADLINE_MS = 12_000;
const SETTLE_MS_MAX = 40_000;

interface Payment {
  readonly status: string;
  readonly provider: string;
  readonly failure_code?: string;
  readonly history: readonly { readonly status: string; readonly reason: string }[];
}

describe('outcomes without an answer', { timeout: 120_000 }, () => {
  let system: LocalSystem;

  before(async () => {
    const [nobody] = await freePorts(1);
    system = await LocalSystem.start({
      settings: {
        TOLLGATE_ACTION_EXPIRES_MS: '300',
        TOLLGATE_ASK_AFTER_MS: '100',
        TOLLGATE_DEADLINE_MS: `${DEADLINE_MS}`,
        TOLLGATE_RETRY_DELAYS: '200ms,500ms',
        TOLLGATE_ATTEMPTS_MAX: '1000',
        TOLLGATE_BREAKER_CALLS_MIN: '100000',
        TOLLGATE_SIMULATORS: JSON.stringify({ closed: `http://127.0.0.1:${nobody}` }),
        TOLLGATE_ROUTES: JSON.stringify([
          { currency: 'EUR', provider: 'closed' },
          { currency: 'GBP', provider: 'closed', fallback: ['simulator'] },
        ]),
      },
    });
  });
  after(() => system.stop());

  async function ends(id: string, body: object): Promise<Payment> {
    await post(system.endpoints.api, id, { ...VISA, ...body });
    let payment: Payment | undefined;
    await until(`${id} ends`, SETTLE_MS_MAX, async () => {
      payment = JSON.parse((await get(system.endpoints.api, id)).body) as Payment;
      return /succeeded|failed|canceled/.test(payment.status);
    });
    return payment!;
  }

  it('should cancel at the provider what the payer did not finish in time', async () => {
    const payment = await ends('idle', { payment_method: 'pm_requires_action' });
    assert.equal(payment.status, 'canceled');
    assert.equal(payment.history.at(-1)?.reason, 'action_expired');
    const [charge] = await chargesOf(system.endpoints.simulator, 'idle');
    assert.equal(charge?.status, 'canceled');
  });

  it('should expire what could not be sent within its deadline, and never charge it', async () => {
    const since = Date.now();
    const payment = await ends('unsent', { currency: 'EUR' });
    assert.deepEqual([payment.status, payment.failure_code], ['failed', 'expired']);
    assert.ok(Date.now() - since >= DEADLINE_MS, 'not before the deadline');
    assert.deepEqual(await chargesOf(system.endpoints.simulator, 'unsent'), []);
  });

  it('should fall back to the next provider while the first surely has nothing', async () => {
    const payment = await ends('elsewhere', { currency: 'GBP' });
    assert.deepEqual([payment.status, payment.provider], ['succeeded', 'simulator']);
    const charges = await chargesOf(system.endpoints.simulator, 'elsewhere');
    assert.deepEqual(
      charges.map((charge) => charge.idempotency_key),
      ['default/elsewhere/charge/2'],
    );
  });
});

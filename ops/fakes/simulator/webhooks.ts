/**
 * The simulator calls the merchant back: one signed event a change of a charge, sent again
 * until it is answered 2xx or given up. Bounded: a full queue drops, and counts what it
 * dropped. Faults lose, repeat and delay events as real networks do.
 */
import { createHmac } from 'node:crypto';
import { Pool } from 'undici';
import { Fifo } from '../../../engine/util/fifo.js';
import type { Faults } from './faults.js';

const CONNECTIONS_MAX = 32;
const PENDING_MAX = 100_000;
const ANSWER_MS_MAX = 10_000;
const ATTEMPTS_MAX = 12;
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 30_000;
/** A reordered event waits up to this long, so that later ones overtake it. */
const REORDER_MS_MAX = 3_000;

export interface EventData {
  readonly merchant: string;
  readonly checkout_id: string;
  readonly reference: string;
  /** Of the charge; `disputed` for a dispute. */
  readonly status: string;
  /** Of a refund or a dispute: the sum so far. */
  readonly amount: number;
  readonly currency: string;
  readonly failure_code?: string | null;
}

export interface WebhookEvent {
  readonly id: string;
  readonly type: string;
  readonly created_at: string;
  readonly data: EventData;
}

export interface WebhookCounts {
  events: number;
  /** Never sent: by a fault, or because the queue was full. */
  lost: number;
  repeated: number;
  reordered: number;
  attempts: number;
  delivered: number;
  given_up: number;
}

interface Delivery {
  readonly event: WebhookEvent;
  readonly attempt: number;
}

export interface WebhookTarget {
  /** Each event goes to `url/{merchant}/{checkout id}`. */
  readonly url: string;
  readonly secret: string;
}

export class WebhookSender {
  readonly counts: WebhookCounts = {
    events: 0,
    lost: 0,
    repeated: 0,
    reordered: 0,
    attempts: 0,
    delivered: 0,
    given_up: 0,
  };
  readonly #target: WebhookTarget;
  readonly #pool: Pool;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #waiting = new Fifo<Delivery>();
  #inFlight = 0;
  #isClosed = false;

  constructor(target: WebhookTarget) {
    this.#target = target;
    this.#pool = new Pool(new URL(target.url).origin, {
      connections: CONNECTIONS_MAX,
      headersTimeout: ANSWER_MS_MAX,
      bodyTimeout: ANSWER_MS_MAX,
      maxResponseSize: 64 * 1024,
    });
  }

  /** Events that are not delivered yet. */
  get pending(): number {
    return this.#waiting.length + this.#timers.size + this.#inFlight;
  }

  send(event: WebhookEvent, copies: number, faults: Faults): void {
    if (this.#isClosed) return;
    this.counts.events++;
    if (copies === 0 || Math.random() < faults.webhook_drop_rate) {
      this.counts.lost++;
      return;
    }
    const isRepeated = copies > 1 || Math.random() < faults.webhook_repeat_rate;
    if (isRepeated) this.counts.repeated++;
    for (let i = 0; i < (isRepeated ? 2 : 1); i++) {
      const isLate = Math.random() < faults.webhook_reorder_rate;
      if (isLate) this.counts.reordered++;
      this.#queue({ event, attempt: 1 }, isLate ? Math.random() * REORDER_MS_MAX : 0);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#waiting.clear();
    await this.#pool.destroy();
  }

  #queue(delivery: Delivery, afterMs: number): void {
    if (this.#isClosed) return;
    if (this.pending >= PENDING_MAX) {
      this.counts.lost++;
      return;
    }
    if (afterMs === 0) {
      this.#waiting.push(delivery);
      this.#next();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#waiting.push(delivery);
      this.#next();
    }, afterMs);
    this.#timers.add(timer);
  }

  #next(): void {
    while (!this.#isClosed && this.#inFlight < CONNECTIONS_MAX) {
      const delivery = this.#waiting.shift();
      if (delivery === undefined) return;
      this.#inFlight++;
      void this.#deliver(delivery).finally(() => {
        this.#inFlight--;
        this.#next();
      });
    }
  }

  async #deliver({ event, attempt }: Delivery): Promise<void> {
    this.counts.attempts++;
    if (await this.#post(event)) this.counts.delivered++;
    else if (attempt >= ATTEMPTS_MAX) this.counts.given_up++;
    else {
      const wait = Math.min(RETRY_MS_MIN * 2 ** (attempt - 1), RETRY_MS_MAX);
      this.#queue({ event, attempt: attempt + 1 }, wait * (0.9 + Math.random() * 0.2));
    }
  }

  /** @returns whether it was answered 2xx */
  async #post(event: WebhookEvent): Promise<boolean> {
    const { merchant, checkout_id } = event.data;
    const body = JSON.stringify(event);
    const base = new URL(this.#target.url).pathname.replace(/\/$/, '');
    try {
      const answer = await this.#pool.request({
        method: 'POST',
        path: `${base}/${encodeURIComponent(merchant)}/${encodeURIComponent(checkout_id)}`,
        headers: {
          'content-type': 'application/json',
          'x-psp-signature': signatureOf(body, this.#target.secret, Date.now()),
        },
        body,
      });
      await answer.body.dump();
      return answer.statusCode >= 200 && answer.statusCode < 300;
    } catch {
      return false;
    }
  }
}

/** `t=<Unix seconds>,v1=<hex>`: HMAC-SHA256 over `t.body`, made anew for each try. */
export function signatureOf(body: string, secret: string, nowMs: number): string {
  const t = Math.floor(nowMs / 1_000);
  const v1 = createHmac('sha256', secret).update(`${t}.${body}`).digest('hex');
  return `t=${t},v1=${v1}`;
}

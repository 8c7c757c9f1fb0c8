/**
 * Reading a payment: one key-value read, with ETag and long polls (`Prefer: wait`,
 * RFC 7240). The number of long polls is bounded; past it a poll is answered at once.
 */
import { isTerminal, paymentKey } from '../engine/core/payment.js';
import type { BroadcastReader } from '../engine/ring/broadcast.js';
import { hashBytes } from '../engine/ring/hash.js';
import type { Store } from '../engine/store/store.js';
import { paymentView } from './payment-view.js';
import { PROBLEMS } from './problem.js';
import { type Reply, send, sendNotModified, sendProblem } from './reply.js';

const WAIT_SECONDS_MAX = 30;

interface Waiter {
  readonly reply: Reply;
  readonly key: Buffer;
  readonly version: number;
  readonly timer: NodeJS.Timeout;
  readonly headers: Record<string, string>;
}

export interface ReadRequest {
  readonly merchant: string;
  readonly checkoutId: string;
  readonly ifNoneMatch: string;
  readonly prefer: string;
}

export class Reads {
  readonly #store: Store;
  readonly #changes: BroadcastReader;
  readonly #waitersMax: number;
  readonly #waiters = new Map<number, Set<Waiter>>();
  #waiterCount = 0;

  constructor(store: Store, changes: BroadcastReader, waitersMax: number) {
    this.#store = store;
    this.#changes = changes;
    this.#waitersMax = waitersMax;
  }

  read(reply: Reply, request: ReadRequest): void {
    const key = Buffer.from(paymentKey(request.merchant, request.checkoutId), 'latin1');
    const view = this.#view(key);
    if (view === undefined) {
      sendProblem(reply, PROBLEMS.paymentNotFound);
      return;
    }
    const seconds = waitSeconds(request.prefer);
    const isFresh = request.ifNoneMatch !== '' && !matches(request.ifNoneMatch, etag(view.version));
    const applied: Record<string, string> =
      seconds > 0 ? { 'Preference-Applied': `wait=${seconds}` } : {};
    if (
      seconds > 0 &&
      !isFresh &&
      !isTerminal(view.payment.status) &&
      this.#waiterCount < this.#waitersMax
    ) {
      this.#wait(reply, key, view.version, seconds, applied);
    } else if (matches(request.ifNoneMatch, etag(view.version))) {
      sendNotModified(reply, { ...applied, ETag: etag(view.version), ...retryAfter(view) });
    } else {
      sendView(reply, view, applied);
    }
  }

  hasNews(): boolean {
    return this.#changes.hasNews();
  }

  /** Answers the long polls whose payment has changed. */
  notice(): void {
    const complete = this.#changes.read((hash) => this.#wake(hash));
    if (!complete) for (const hash of [...this.#waiters.keys()]) this.#wake(hash);
  }

  /** Answers every long poll with what is known now. */
  close(): void {
    for (const waiters of [...this.#waiters.values()])
      for (const it of [...waiters]) this.#finish(it);
  }

  #wait(
    reply: Reply,
    key: Buffer,
    version: number,
    seconds: number,
    headers: Record<string, string>,
  ): void {
    const hash = hashBytes(key, 0, key.length);
    const timer = setTimeout(() => this.#finish(waiter), seconds * 1_000);
    const waiter: Waiter = { reply, key, version, timer, headers };
    const waiters = this.#waiters.get(hash) ?? new Set<Waiter>();
    this.#waiters.set(hash, waiters.add(waiter));
    this.#waiterCount++;
    // The status may have changed between the read and now: look once more.
    if (this.#view(key)?.version !== version) this.#finish(waiter);
  }

  #wake(hash: number): void {
    for (const waiter of [...(this.#waiters.get(hash) ?? [])]) {
      if (waiter.reply.aborted || this.#view(waiter.key)?.version !== waiter.version)
        this.#finish(waiter);
    }
  }

  #finish(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    const hash = hashBytes(waiter.key, 0, waiter.key.length);
    const waiters = this.#waiters.get(hash);
    if (!waiters?.delete(waiter)) return;
    if (waiters.size === 0) this.#waiters.delete(hash);
    this.#waiterCount--;
    const view = this.#view(waiter.key);
    if (view !== undefined) sendView(waiter.reply, view, waiter.headers);
  }

  #view(key: Buffer): ReturnType<typeof paymentView> | undefined {
    const checkout = this.#store.get('checkouts', key);
    return checkout === undefined
      ? undefined
      : paymentView(checkout, this.#store.get('status', key));
  }
}

function sendView(
  reply: Reply,
  view: ReturnType<typeof paymentView>,
  headers: Record<string, string>,
): void {
  const all = {
    'Content-Type': 'application/json',
    ETag: etag(view.version),
    ...retryAfter(view),
    ...headers,
  };
  send(reply, '200 OK', all, JSON.stringify(view.payment));
}

function retryAfter(view: ReturnType<typeof paymentView>): Record<string, string> {
  return isTerminal(view.payment.status) ? {} : { 'Retry-After': '2' };
}

function etag(version: number): string {
  return `"v${version}"`;
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2). */
function matches(header: string, tag: string): boolean {
  return header.split(',').some((it) => it.trim() === '*' || it.trim().replace(/^W\//, '') === tag);
}

function waitSeconds(prefer: string): number {
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})/i.exec(prefer);
  return match ? Math.min(Number(match[1]), WAIT_SECONDS_MAX) : 0;
}

/**
 * Answers GET for one payment, from the store or from a cache of rendered views, with ETag and
 * long polls (`Prefer: wait`, RFC 7240). The number of long polls is bounded: a merchant with too
 * many gets 429; when all merchants together have too many, a poll is answered at once.
 *
 * Keeps: across all threads, an answer never has a lower version than an earlier one. A cached
 * view is used only if no status is being written and no notification is unread; then it is at
 * least as new as any view another reader has returned.
 */
import { isTerminal, paymentKey } from '../../engine/domain/payment.js';
import type { BroadcastReader } from '../../engine/ring/broadcast.js';
import { hashText } from '../../engine/ring/hash.js';
import { ownStatus } from '../../engine/store/own-status.js';
import type { Store } from '../../engine/store/store.js';
import { matchesTag, preferredWait } from '../http/list-fields.js';
import { PROBLEMS } from '../http/problem.js';
import { type Reply, send, sendProblem, sendWithoutBody } from '../http/reply.js';
import { paymentView } from './payment-view.js';
import { type Rendered, ViewCache } from './view-cache.js';
import type { WaiterCount } from './waiter-count.js';

const WAIT_SECONDS_MAX = 30;
const NO_HEADERS = {};
const RETRY_AFTER = { 'Retry-After': '2' };

interface Waiter {
  readonly reply: Reply;
  readonly merchant: string;
  readonly name: string;
  readonly version: number;
  readonly timer: NodeJS.Timeout;
  readonly ifNoneMatch: string;
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
  readonly #count: WaiterCount;
  readonly #cache = new ViewCache();
  readonly #waiters = new Map<number, Set<Waiter>>();
  readonly #onWaiting: (change: number) => void;

  /** @param onWaiting how many long polls have begun (1) or ended (-1) */
  constructor(
    store: Store,
    changes: BroadcastReader,
    count: WaiterCount,
    onWaiting: (change: number) => void = () => {},
  ) {
    this.#store = store;
    this.#changes = changes;
    this.#count = count;
    this.#onWaiting = onWaiting;
  }

  read(reply: Reply, request: ReadRequest): void {
    // Another shard was asked first, and the client has gone: no event would free its place.
    if (reply.aborted) return;
    const name = paymentKey(request.merchant, request.checkoutId);
    const view = this.#view(name);
    if (view === undefined) {
      sendProblem(reply, PROBLEMS.paymentNotFound);
      return;
    }
    const { ifNoneMatch } = request;
    const seconds = Math.min(preferredWait(request.prefer), WAIT_SECONDS_MAX);
    if (seconds === 0) {
      sendView(reply, view, ifNoneMatch, NO_HEADERS);
      return;
    }
    const isNews = ifNoneMatch !== '' && !matchesTag(ifNoneMatch, view.etag);
    const isAnswered = isNews || view.isTerminal;
    if (!isAnswered && this.#count.isFullFor(request.merchant)) {
      sendProblem(reply, PROBLEMS.tooManyLongPolls);
      return;
    }
    if (!isAnswered && this.#count.isFull) {
      sendView(reply, view, ifNoneMatch, NO_HEADERS);
      return;
    }
    const applied = { 'Preference-Applied': `wait=${seconds}` };
    if (isAnswered) sendView(reply, view, ifNoneMatch, applied);
    else this.#wait(reply, request, view, seconds, applied);
  }

  hasNews(): boolean {
    return this.#changes.hasNews();
  }

  /** Answers the long polls whose payment has changed. */
  notice(): void {
    const complete = this.#changes.read((hash) => {
      this.#cache.forget(hash);
      this.#wake(hash);
    });
    if (complete) return;
    this.#cache.clear();
    for (const hash of [...this.#waiters.keys()]) this.#wake(hash);
  }

  /** Answers every long poll with what is known now. */
  close(): void {
    for (const waiters of [...this.#waiters.values()])
      for (const waiter of [...waiters]) this.#finish(waiter);
  }

  #wait(
    reply: Reply,
    { merchant, ifNoneMatch }: ReadRequest,
    { name, version }: Rendered,
    seconds: number,
    headers: Record<string, string>,
  ): void {
    const hash = hashText(name);
    const timer = setTimeout(() => this.#finish(waiter), seconds * 1_000);
    const waiter: Waiter = { reply, merchant, name, version, timer, ifNoneMatch, headers };
    const waiters = this.#waiters.get(hash) ?? new Set<Waiter>();
    this.#waiters.set(hash, waiters.add(waiter));
    this.#count.add(merchant);
    this.#onWaiting(1);
    reply.onAborted = () => this.#finish(waiter);
    // The status may have changed between the read and now: look once more.
    if (this.#view(name)?.version !== version) this.#finish(waiter);
  }

  #wake(hash: number): void {
    for (const waiter of [...(this.#waiters.get(hash) ?? [])]) {
      if (this.#versionOf(waiter.name) !== waiter.version) this.#finish(waiter);
    }
  }

  #finish(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    const hash = hashText(waiter.name);
    const waiters = this.#waiters.get(hash);
    if (!waiters?.delete(waiter)) return;
    if (waiters.size === 0) this.#waiters.delete(hash);
    this.#count.remove(waiter.merchant);
    this.#onWaiting(-1);
    if (waiter.reply.aborted) return;
    waiter.reply.run(() => {
      const view = this.#view(waiter.name);
      if (view !== undefined) sendView(waiter.reply, view, waiter.ifNoneMatch, waiter.headers);
    });
  }

  /** @returns undefined when the payment cannot be read; the error is reported with the answer */
  #versionOf(name: string): number | undefined {
    try {
      return this.#view(name)?.version;
    } catch {
      return undefined;
    }
  }

  #view(name: string): Rendered | undefined {
    if (this.#changes.isChanging()) return this.#stored(name);
    if (this.#changes.hasNews()) this.notice();
    const hash = hashText(name);
    const kept = this.#cache.get(hash, name);
    if (kept !== undefined) return kept;
    const view = this.#stored(name);
    if (view !== undefined) this.#cache.set(hash, view);
    return view;
  }

  #stored(name: string): Rendered | undefined {
    const key = Buffer.from(name, 'latin1');
    const checkout = this.#store.get('checkouts', key);
    if (checkout === undefined) return undefined;
    const { payment, version } = paymentView(checkout, ownStatus(this.#store, key, checkout));
    return {
      name,
      version,
      etag: `"v${version}"`,
      isTerminal: isTerminal(payment.status),
      body: JSON.stringify(payment),
    };
  }
}

/** 304 where the client has this version already. */
function sendView(
  reply: Reply,
  view: Rendered,
  ifNoneMatch: string,
  headers: Record<string, string>,
): void {
  const validators = { ETag: view.etag, ...retryAfter(view), ...headers };
  if (matchesTag(ifNoneMatch, view.etag)) sendWithoutBody(reply, '304 Not Modified', validators);
  else send(reply, '200 OK', { 'Content-Type': 'application/json', ...validators }, view.body);
}

function retryAfter(view: Rendered): Record<string, string> {
  return view.isTerminal ? NO_HEADERS : RETRY_AFTER;
}

/** The tasks that the main thread passes to a piscina worker, and their results. */

import type { Route } from '../engine/config/settings/routes.js';
import type { NamedDelay } from '../engine/config/settings.js';
import type { OriginSource } from '../engine/domain/topics.js';
import type { Ask } from './postgres/claims.js';
import type { LateCapture } from './postgres/late-captures.js';
import type { PspSettings } from './psp/registry.js';

/** Unix milliseconds; null where the record does not say. */
export interface RecordTimes {
  /** By Kafka's clock. */
  readonly appendedAt: number | null;
  /** By the clock of the engine that published it. */
  readonly sentAt: number | null;
  /** It can have waited so long in the engine before it was published. */
  readonly waitedMsMax: number | null;
}

/** A record of `payments.accepted`. */
export interface AcceptedTask {
  readonly kind: 'accepted';
  readonly value: Uint8Array;
  readonly source: OriginSource;
  readonly times: RecordTimes;
}

/** Where a record stands in Kafka, and how often it was judged before. */
export interface WebhookSource {
  readonly partition: number;
  readonly offset: number;
  readonly tries: number;
}

export type Task =
  | AcceptedTask
  /** A record of a retry topic. */
  | { readonly kind: 'ticket'; readonly value: Uint8Array }
  /** A claim of the sweeper's. */
  | { readonly kind: 'ask'; readonly ask: Ask }
  /** A record of `payments.webhooks`. */
  | { readonly kind: 'webhook'; readonly value: Uint8Array; readonly source: WebhookSource }
  /** A capture after the end of its payment that is due. */
  | { readonly kind: 'late_capture'; readonly claim: LateCapture };

/** The task has failed too often: what becomes of its payment. */
export interface GiveUp {
  readonly kind: 'give_up';
  readonly task: Task;
  readonly detail: string;
}

/** A payment that waits in the dead-letter queue once its letter is delivered. */
export interface DeadPayment {
  readonly merchant: string;
  readonly checkoutId: string;
  readonly version: number;
  /** For its history. */
  readonly event: string;
  /** Set when the provider has confirmed a capture that the payment's status does not allow. */
  readonly lateCapture?: {
    readonly provider: string;
    readonly reference: string;
    readonly amountMinor: number;
    readonly currency: string;
  };
}

/**
 * `done`: durable in Postgres, whatever becomes of it. `retry`: done once the record is
 * delivered. `dead`: belongs into the dead-letter topic.
 */
export type TaskResult =
  | { readonly kind: 'done'; readonly outcome: string }
  | {
      readonly kind: 'retry';
      readonly reason: string;
      readonly topic: string;
      readonly key: string;
      readonly value: Uint8Array;
    }
  | {
      readonly kind: 'dead';
      readonly reason: string;
      /** The last error or answer. */
      readonly detail: string;
      readonly attempts: number;
      /** What the letter holds; null: the record that led to it. */
      readonly value: Uint8Array | null;
      readonly payment: DeadPayment | null;
    };

/** An unforeseen exception: the task may be run again. */
export interface Failed {
  readonly kind: 'failed';
  readonly detail: string;
  /** Without card data. */
  readonly stack: string;
}

export interface WebhookSettings {
  /** First wait of a webhook whose payment is not known yet; doubles. */
  readonly webhookRetryMs: number;
  readonly webhookGiveUpMs: number;
}

export interface WorkerSettings extends PspSettings, WebhookSettings {
  readonly databaseUrl: string;
  readonly askAfterMs: number;
  readonly deadlineMs: number;
  readonly pendingMaxMs: number;
  readonly clockSkewMaxMs: number;
  readonly retryDelays: readonly NamedDelay[];
  readonly attemptsMax: number;
  readonly providerWaitMs: number;
  readonly actionExpiresMs: number;
  readonly workerThreads: number;
  readonly pspConcurrency: number;
  readonly breakerCallsMin: number;
  readonly breakerOpenMs: number;
  readonly routes: readonly Route[];
}

/** A worker's breaker has changed: posted to the main thread on this channel. */
export const BREAKER_CHANNEL = 'tollgate-breakers';
export interface BreakerChange {
  readonly provider: string;
  readonly isOpen: boolean;
}

/** An exception in the handling of a provider's answer: posted to the main thread on this channel. */
export const ANSWER_FAULT_CHANNEL = 'tollgate-answer-faults';
export interface AnswerFault {
  readonly provider: string;
  readonly merchant: string;
  readonly checkoutId: string;
  /** Without card data. */
  readonly stack: string;
}

/** What the main thread hands to a piscina worker, and what comes back. */
import type { OriginSource } from '../../engine/core/topics.js';
import type { Ask } from '../postgres/asks.js';
import type { PspSettings } from '../psp/registry.js';
import type { WebhookSettings, WebhookSource } from '../webhooks/webhook-judge.js';

export type Task =
  | { readonly kind: 'accepted'; readonly value: Uint8Array; readonly source: OriginSource }
  | { readonly kind: 'ask'; readonly ask: Ask }
  | { readonly kind: 'webhook'; readonly value: Uint8Array; readonly source: WebhookSource };

/**
 * `done`: durable in Postgres, whatever becomes of it. `dead`: belongs into the dead-letter
 * topic.
 */
export type TaskResult =
  | { readonly kind: 'done'; readonly outcome: string }
  | { readonly kind: 'dead'; readonly reason: string; readonly detail: string };

export interface WorkerSettings extends PspSettings, WebhookSettings {
  readonly databaseUrl: string;
  readonly askAfterMs: number;
  readonly deadlineMs: number;
}

/** What the engine passes to a gateway thread at its start, and the messages between the two. */
import type { KeyTable } from './keys/keys-file.js';
import type { Topology } from './shards/topology.js';

export interface GatewayData {
  readonly storeHandle: bigint;
  readonly host: string;
  readonly port: number;
  /** A unix socket of this thread alone, instead of host and port; empty: none. */
  readonly socket: string;
  readonly shard: number;
  readonly topology: Topology | undefined;
  /** One lane a writer; the hash of merchant/id picks it. */
  readonly lanes: readonly { lane: SharedArrayBuffer; writerBell: SharedArrayBuffer }[];
  readonly bell: SharedArrayBuffer;
  readonly changes: SharedArrayBuffer;
  /** Set while checkouts may be taken: disk space, start, stop. */
  readonly accepting: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly waitersMax: number;
  readonly merchantWaitersMax: number;
  /** undefined: no keys, everybody is the default merchant. Changes come by KEYS_CHANNEL. */
  readonly keys: KeyTable | undefined;
  /** Those that a checkout may go to. */
  readonly providers: readonly string[];
  /** Providers whose webhooks are taken; any other is unknown. */
  readonly webhookProviders: readonly WebhookProvider[];
  /** Ranges (CIDR) whose X-Real-IP is believed. */
  readonly trustedProxies: readonly string[];
}

export interface WebhookProvider {
  readonly name: string;
  /** Newest first. */
  readonly secrets: readonly string[];
  /** Ranges (CIDR) it calls from; empty: any. */
  readonly addresses: readonly string[];
}

export type GatewayMessage =
  | { type: 'listening' }
  | { type: 'failed'; reason: string }
  | { type: 'closed' }
  /** Whether this payment came to another shard before. */
  | { type: 'ask'; question: number; key: string }
  /** An exception while one request was handled; the request was answered with a 500. */
  | { type: 'error'; subject: string; code: string; stack: string }
  /** So many requests were refused with this code since the last report; of the last one who and what. */
  | { type: 'refused'; code: SecurityCode; times: number; subject: string; address: string }
  /** The topology is in force, and what was taken before is answered. */
  | { type: 'moved'; change: number };
export type Refused = Extract<GatewayMessage, { type: 'refused' }>;
export type GatewayCommand =
  | { type: 'close' }
  | { type: 'asked'; question: number; found: 'here' | 'absent' | 'away' }
  | { type: 'topology'; change: number; topology: Topology };

/** Codes of problems that say who may not do what: counted and logged one by one. */
export const SECURITY_CODES = [
  'key_missing',
  'key_invalid',
  'checksum_required',
  'checksum_invalid',
  'timestamp_out_of_range',
  'signature_missing',
  'signature_invalid',
  'address_not_allowed',
  'provider_not_allowed',
  'card_data_refused',
] as const;
export type SecurityCode = (typeof SECURITY_CODES)[number];

/** Gateway counters, in the order of their words. */
export const GATEWAY_COUNTERS = [
  'accepted',
  'replayed',
  'conflicts',
  'refused',
  'busy',
  'reads',
  'waiters',
  'webhooks',
  'webhook_repeats',
  'webhook_refusals',
  'internal_errors',
  'damaged_records',
  ...SECURITY_CODES,
] as const;
export type GatewayCounter = (typeof GATEWAY_COUNTERS)[number];

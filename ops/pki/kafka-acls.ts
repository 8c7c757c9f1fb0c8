/**
 * Who may do what in Kafka. The user is the certificate's common name; what stands nowhere is
 * denied. `kafka` and `admin` are super users.
 */
import { TOPICS } from '../../engine/core/topics.js';

export const SUPER_USERS = ['kafka', 'admin'] as const;

/** Numbers of Kafka's protocol (ResourceType, AclOperation, PatternType). */
export const RESOURCES = { topic: 2, group: 3 } as const;
export const OPERATIONS = { read: 3, write: 4, create: 5, alter: 7 } as const;
export const PATTERNS = { literal: 3, prefixed: 4 } as const;

export interface Acl {
  readonly user: string;
  readonly may: readonly (keyof typeof OPERATIONS)[];
  readonly resource: keyof typeof RESOURCES;
  readonly pattern: keyof typeof PATTERNS;
  readonly name: string;
}

/** Every topic of ours begins so; an engine or processor that comes first makes what is missing. */
const OUR_TOPICS = 'payments.';
const RETRY_TOPICS = 'payments.retry.';
const OUR_GROUPS = 'tollgate-';

const topic = (user: string, name: string, ...may: Acl['may']): Acl => ({
  user,
  may,
  resource: 'topic',
  pattern: name.endsWith('.') ? 'prefixed' : 'literal',
  name,
});
const groups = (user: string): Acl => ({
  user,
  may: ['read'],
  resource: 'group',
  pattern: 'prefixed',
  name: OUR_GROUPS,
});

export const ACLS: readonly Acl[] = [
  // Altering: adding partitions to a topic that has fewer than the settings ask for.
  topic('engine', OUR_TOPICS, 'create', 'alter'),
  // Reading: how far Kafka has seen this volume is compared at a start.
  topic('engine', TOPICS.accepted, 'write', 'read'),
  topic('engine', TOPICS.webhooks, 'write', 'read'),
  topic('engine', TOPICS.status, 'read'),
  topic('engine', TOPICS.volumes, 'write', 'read'),
  groups('engine'),
  topic('processor', OUR_TOPICS, 'create', 'alter'),
  topic('processor', TOPICS.accepted, 'read'),
  topic('processor', TOPICS.webhooks, 'read'),
  topic('processor', RETRY_TOPICS, 'read', 'write'),
  topic('processor', TOPICS.dlq, 'read', 'write'),
  // Reading: whether Postgres is older than it proves is looked at, at a start.
  topic('processor', TOPICS.status, 'write', 'read'),
  groups('processor'),
];

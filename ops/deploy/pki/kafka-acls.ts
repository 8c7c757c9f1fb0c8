/**
 * Who may do what in Kafka. The user is the certificate's common name; what stands nowhere is
 * denied. `kafka` and `admin` are super users.
 */
import { PROCESSOR_GROUP, TOPICS } from '../../../engine/domain/topics.js';

export const SUPER_USERS = ['kafka', 'admin'] as const;

/** Numbers of Kafka's protocol (ResourceType, AclOperation, PatternType). */
export const RESOURCES = { topic: 2, group: 3 } as const;
export const OPERATIONS = { read: 3, write: 4, create: 5, alter: 7, describe: 8 } as const;
export const PATTERNS = { literal: 3, prefixed: 4 } as const;

export interface Acl {
  readonly user: string;
  readonly may: readonly (keyof typeof OPERATIONS)[];
  readonly resource: keyof typeof RESOURCES;
  readonly pattern: keyof typeof PATTERNS;
  readonly name: string;
}

/** One a delay of TOLLGATE_RETRY_DELAYS. */
const RETRY_TOPICS = 'payments.retry.';
/** Readers of statuses and of whole topics name these groups and never join them. */
const READER_GROUPS = ['tollgate-status', 'tollgate-reader'];

const topic = (user: string, name: string, ...may: Acl['may']): Acl => ({
  user,
  may,
  resource: 'topic',
  pattern: name.endsWith('.') ? 'prefixed' : 'literal',
  name,
});
const group = (user: string, name: string, ...may: Acl['may']): Acl => ({
  user,
  may,
  resource: 'group',
  pattern: 'literal',
  name,
});
/**
 * Who comes first makes the topics that are missing. Altering: adding partitions to a topic that
 * has fewer than the settings ask for.
 */
const makes = (user: string): Acl[] =>
  Object.values(TOPICS).map((name) => topic(user, name, 'create', 'alter'));
const reads = (user: string): Acl[] => READER_GROUPS.map((name) => group(user, name, 'read'));

export const ACLS: readonly Acl[] = [
  ...makes('engine'),
  // Reading: how far Kafka has seen this volume is compared at a start.
  topic('engine', TOPICS.accepted, 'write', 'read'),
  topic('engine', TOPICS.webhooks, 'write', 'read'),
  topic('engine', TOPICS.status, 'read'),
  topic('engine', TOPICS.volumes, 'write', 'read'),
  ...reads('engine'),
  // How far the processors have come: the sweeper publishes nothing again that they will reach.
  group('engine', PROCESSOR_GROUP, 'describe'),
  ...makes('processor'),
  topic('processor', TOPICS.accepted, 'read'),
  topic('processor', TOPICS.webhooks, 'read'),
  topic('processor', RETRY_TOPICS, 'create', 'alter', 'read', 'write'),
  topic('processor', TOPICS.dlq, 'read', 'write'),
  // Reading: whether Postgres is older than it proves is looked at, at a start.
  topic('processor', TOPICS.status, 'write', 'read'),
  ...reads('processor'),
  group('processor', PROCESSOR_GROUP, 'read'),
];

/**
 * Kafka's users where no rule shortens a certificate's name, as on MSK: `User:` and the whole
 * distinguished name by RFC 2253, the most special part first, as Java writes it.
 */
import { execFileSync } from 'node:child_process';
import { EngineError } from '../../../engine/util/errors.js';
import type { Acl } from './kafka-acls.js';

/** What Java writes as openssl does. Others are refused, before a rule that matches nobody. */
const PLAIN =
  /^(?:(?:CN|OU|O|L|ST|C)=[A-Za-z0-9 ._:@/*-]+)(?:,(?:CN|OU|O|L|ST|C)=[A-Za-z0-9 ._:@/*-]+)*$/;

/** @param file PEM with a certificate. Throws EngineError `name_unusable`. */
export function distinguishedName(file: string): string {
  const options = ['x509', '-in', file, '-noout', '-subject', '-nameopt', 'RFC2253'];
  const name = execFileSync('openssl', options, { encoding: 'utf8' })
    .trim()
    .replace(/^subject=/, '');
  return plainName(name, file);
}

export function plainName(name: string, source: string): string {
  if (PLAIN.test(name)) return name;
  throw new EngineError(
    'name_unusable',
    `${source}: the name ${name} has parts that Kafka may write otherwise: use CN, OU, O, L, ST and C, letters and digits.`,
  );
}

/** @param names by user; a user without one keeps its own */
export function withNames(acls: readonly Acl[], names: Readonly<Record<string, string>>): Acl[] {
  return acls.map((acl) => ({ ...acl, user: names[acl.user] ?? acl.user }));
}

/** Where brokers are no super users, they need it to copy each other's records. */
export function brokerAcls(name: string): Acl[] {
  const all = { user: name, may: ['read'], pattern: 'literal', name: '*' } as const;
  return [
    { ...all, resource: 'topic' },
    { ...all, resource: 'group' },
  ];
}

/**
 * The roles that may hold a certificate on the inner network. The common name is the role, and
 * peers check the role: Kafka's principal, Postgres' user, nginx's `$ssl_client_s_dn`. A
 * certificate is valid in one direction only (EKU). A server certificate also has its own DNS
 * name, so a client of `engine-host.tollgate.internal` accepts no other server of this CA.
 */
export const ROLES = [
  'edge',
  'edge-client',
  'engine-host',
  'engine',
  'processor',
  'admin',
  'kafka',
  'postgres',
] as const;
export type Role = (typeof ROLES)[number];

const SERVERS: readonly Role[] = ['edge', 'engine-host', 'kafka', 'postgres'];
/** A broker calls brokers and controllers too. */
const CLIENTS: readonly Role[] = ['edge-client', 'engine', 'processor', 'admin', 'kafka'];
const INNER_DOMAIN = 'tollgate.internal';

/** The name that a client of this server asks for where it does not ask for the address. */
export function innerName(role: Role): string {
  return `${role}.${INNER_DOMAIN}`;
}

/** X.509 extensions of a role's certificate, as openssl's configuration writes them. */
export function extensionsOf(role: Role): string[] {
  const isServer = SERVERS.includes(role);
  const names = isServer
    ? [`DNS:${innerName(role)}`, 'DNS:localhost', 'IP:127.0.0.1', 'IP:::1']
    : [`DNS:${innerName(role)}`];
  const uses = [
    ...(isServer ? ['serverAuth'] : []),
    ...(CLIENTS.includes(role) ? ['clientAuth'] : []),
  ];
  return [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    `extendedKeyUsage=${uses.join(',')}`,
    `subjectAltName=${names.join(',')}`,
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
  ];
}

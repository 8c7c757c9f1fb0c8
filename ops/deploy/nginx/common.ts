/**
 * What the edge's nginx and those beside the engines have in common: the process, what is
 * logged and what never is, and the text's shape.
 *
 * nginx's error log quotes request lines, with query strings; so inside `http` it is
 * silent below `emerg`, and the JSON access log, whose fields are chosen here, says how every
 * request ended. Neither contains a query, a header's value, or what looks like a card number.
 */
import { CARD_LIKE } from '../../../engine/card-data/card-brands.js';
import type { Limits, Topology } from '../topology/topology.js';

/** Indents by two a brace. */
export function layout(lines: readonly string[]): string {
  let depth = 0;
  const out = lines.map((line) => {
    const text = line.trim();
    if (text.startsWith('}')) depth--;
    const indented = text === '' ? '' : `${'  '.repeat(depth)}${text}`;
    if (text.endsWith('{')) depth++;
    return indented;
  });
  return `${out.join('\n')}\n`;
}

/** What every proxied request is held to; no other peer is tried for one that fails. */
export function proxyBounds(limits: Limits, answerSeconds = limits.answerSeconds): string[] {
  return [
    `proxy_connect_timeout ${limits.connectMs}ms;`,
    'proxy_send_timeout 5s;',
    `proxy_read_timeout ${answerSeconds}s;`,
    'proxy_next_upstream off;',
    'proxy_max_temp_file_size 0;',
    'proxy_buffer_size 16k;',
    'proxy_buffers 8 16k;',
  ];
}

export function when(condition: string, action: string): string[] {
  return [`if (${condition}) {`, action, '}'];
}

/** The main context and the head of `http`; the caller closes the brace. */
export function head(topology: Topology, name: string): string[] {
  return [
    '# Made by `tollgate nginx` from the topology: change that instead.',
    'daemon off;',
    `pid ${name}.pid;`,
    ...(topology.user ? [`user ${topology.user};`] : []),
    `worker_processes ${topology.workers};`,
    `worker_rlimit_nofile ${topology.limits.workerConnections * 2};`,
    'worker_shutdown_timeout 5s;',
    'pcre_jit on;',
    'error_log stderr notice;',
    'events {',
    `worker_connections ${topology.limits.workerConnections};`,
    '}',
    'http {',
    'error_log stderr emerg;',
    'server_tokens off;',
    'default_type application/json;',
    // Relative to the prefix; bodies fit into memory and never come here.
    'client_body_temp_path temp-body;',
    'proxy_temp_path temp-proxy;',
    'fastcgi_temp_path temp-fastcgi;',
    'uwsgi_temp_path temp-uwsgi;',
    'scgi_temp_path temp-scgi;',
    'tcp_nodelay on;',
    'reset_timedout_connection on;',
    'map_hash_bucket_size 128;',
    '',
    '# The path as it may be shown: safe characters, no query, nothing like a card number.',
    'map $request_uri $instance {',
    'default /;',
    `"~${CARD_LIKE}" /-;`,
    String.raw`"~^(?<instance_path>/[A-Za-z0-9/_-]{0,200})(?:\?|\z)" $instance_path;`,
    '}',
    'map $http_x_request_id $correlation_id {',
    'default $request_id;',
    `"~${CARD_LIKE}" $request_id;`,
    String.raw`"~^[A-Za-z0-9_.-]{1,64}\z" $http_x_request_id;`,
    '}',
  ];
}

/** How a configuration names a role’s key and certificate. */
export interface Identity {
  /** Lines of `http`. */
  readonly map: readonly string[];
  /** What `…_certificate` and `…_certificate_key` name. */
  readonly file: string;
}

/**
 * A role's key and certificate. Looked up at each handshake, a renewed file is taken without a
 * reload, which would close kept connections under somebody's request. Workers that are a user
 * of their own cannot read keys; then the master reads them, at a start or reload.
 */
export function identity({ user, paths }: Topology, role: 'edge-client' | 'engine-host'): Identity {
  const file = `${paths.pki}/${role}.pem`;
  if (user !== undefined && user !== 'root') return { map: [], file };
  return { map: ['map $pid $identity {', `default ${file};`, '}'], file: '$identity' };
}

/** The access log's fields; `log_format` in JSON. */
export function accessLog(fields: Readonly<Record<string, string>>): string {
  const json = Object.entries(fields).map(([name, value]) => `"${name}":${value}`);
  return `log_format tollgate escape=json '{${json.join(',')}}';`;
}

export const LOG_FIELDS = {
  time: '"$time_iso8601"',
  request_id: '"$correlation_id"',
  client: '"$remote_addr"',
  method: '"$request_method"',
  path: '"$instance"',
  protocol: '"$server_protocol"',
  tls: '"$ssl_protocol"',
  status: '"$status"',
  bytes_in: '$request_length',
  bytes_out: '$bytes_sent',
  seconds: '$request_time',
  upstream: '"$upstream_addr"',
  upstream_status: '"$upstream_status"',
  upstream_seconds: '"$upstream_response_time"',
} as const;

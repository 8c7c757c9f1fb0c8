/**
 * The nginx beside an engine: terminates mTLS, accepts the edge's role only (and other engines for
 * the rows of payments), and proxies to the gateway threads' unix sockets. It applies no limits,
 * because the edge has done so.
 */
import { engineSocket, type Limits, type Shard, type Topology } from '../topology/topology.js';
import { accessLog, head, identity, LOG_FIELDS, layout, proxyBounds, when } from './common.js';
import { errorPages, problemLocations } from './problems.js';

const KEPT_MAX = 128;
/** Shorter than the 10 s after which uWebSockets.js closes an idle connection. */
const KEPT_SECONDS = 5;

/** The whole nginx.conf of one shard's host. */
export function nginxEngineHost(topology: Topology, shard: Shard): string {
  const { paths, limits } = topology;
  return layout([
    ...head(topology, `shard-${shard.number}`),
    '# Only what went wrong: the edge has logged the rest.',
    'map $status $is_worth_a_line {',
    'default 1;',
    '"~^[1-3]" 0;',
    '}',
    accessLog({ ...LOG_FIELDS, peer: '"$ssl_client_s_dn"', verified: '"$ssl_client_verify"' }),
    `access_log ${paths.logs}/shard-${shard.number}.access.log tollgate if=$is_worth_a_line;`,
    '',
    'map $ssl_client_s_dn $is_edge {',
    'default 0;',
    'CN=edge-client 1;',
    '}',
    'map $ssl_client_s_dn $is_engine {',
    'default 0;',
    'CN=engine 1;',
    '}',
    '',
    ...identity(topology, 'engine-host').map,
    '',
    'upstream engine {',
    ...threadSockets(topology, shard).map((socket) => `server unix:${socket} max_fails=0;`),
    `keepalive ${KEPT_MAX};`,
    'keepalive_requests 1000000;',
    `keepalive_timeout ${KEPT_SECONDS}s;`,
    '}',
    '',
    'server {',
    ...serverTls(topology, shard),
    `client_max_body_size ${limits.webhookBodyKib}k;`,
    `client_body_buffer_size ${limits.webhookBodyKib}k;`,
    'client_body_in_single_buffer on;',
    'client_header_buffer_size 4k;',
    'client_header_timeout 10s;',
    'client_body_timeout 10s;',
    'send_timeout 10s;',
    // Longer than the edge keeps them, so that it is never the edge that meets a closed one.
    'keepalive_timeout 75s;',
    'keepalive_requests 10000000;',
    ...errorPages(),
    '',
    ...engineLocation(limits),
    ...rowsLocation(shard),
    ...problemLocations([]),
    '}',
    '}',
  ]);
}

function engineLocation(limits: Limits): string[] {
  return [
    'location / {',
    ...when('$is_edge = 0', 'return 403;'),
    'proxy_pass http://engine;',
    'proxy_http_version 1.1;',
    'proxy_set_header Connection "";',
    'proxy_set_header Host engine;',
    ...proxyBounds(limits),
    '}',
  ];
}

/** Other engines ask for the rows of ids that have moved; nothing else of the admin is here. */
function rowsLocation(shard: Shard): string[] {
  return [
    'location ^~ /rows {',
    ...when('$is_engine = 0', 'return 403;'),
    ...when('$request_method != GET', 'return 405;'),
    `proxy_pass http://127.0.0.1:${shard.adminPort};`,
    'proxy_http_version 1.1;',
    'proxy_set_header Connection "";',
    'proxy_read_timeout 30s;',
    'proxy_max_temp_file_size 0;',
    '}',
  ];
}

function serverTls(topology: Topology, shard: Shard): string[] {
  const { pki } = topology.paths;
  const own = identity(topology, 'engine-host');
  const host = shard.address.includes(':') ? `[${shard.address}]` : shard.address;
  return [
    `listen ${host}:${topology.shardPort} ssl default_server backlog=4096;`,
    'server_name _;',
    `ssl_certificate ${own.file};`,
    `ssl_certificate_key ${own.file};`,
    `ssl_client_certificate ${pki}/ca.pem;`,
    'ssl_verify_client on;',
    'ssl_verify_depth 1;',
    'ssl_protocols TLSv1.3;',
    'ssl_session_cache shared:engine-host:4m;',
    'ssl_session_tickets off;',
    'ssl_buffer_size 4k;',
  ];
}

function threadSockets(topology: Topology, shard: Shard): string[] {
  return Array.from({ length: shard.gatewayThreads }, (_, thread) =>
    engineSocket(topology, shard.number, thread),
  );
}

/**
 * The edge's nginx: terminates TLS, applies limits, checks the checkout id and selects the shard.
 *
 * The id is hashed only after a `map` has accepted it, and the mapped value is what is hashed. So
 * no byte that the engine would read differently can select another shard. A shard that does not
 * answer is never replaced by another: its ids are refused, all others continue.
 */
import { SHARD_WEIGHT } from '../../../engine/shards/shard-ring.js';
import { currentShards, type Limits, shardServer, type Topology } from '../topology/topology.js';
import { accessLog, head, identity, LOG_FIELDS, layout, proxyBounds, when } from './common.js';
import { idMaps, waitMap } from './edge-maps.js';
import { errorPages, POST_ONLY, problemLocations, refuseWith } from './problems.js';

const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-CHACHA20-POLY1305',
];
/** Idle connections to the shards that a worker keeps. */
const KEPT_MAX = 128;
/** Far above the slowest fsync: only a shard that is frozen does not answer within it. */
const PROMPT_SECONDS = 4;
/** Every answer has them. A location with an `add_header` of its own must repeat them. */
const HEADERS = [
  'add_header X-Request-Id $correlation_id always;',
  'add_header Strict-Transport-Security "max-age=31536000" always;',
  'add_header Cache-Control no-store always;',
  'add_header X-Content-Type-Options nosniff always;',
];

/** The whole nginx.conf. Names are resolved where nginx starts: see `hostsFile`. */
export function nginxEdge(topology: Topology): string {
  return layout([
    ...head(topology, 'edge'),
    accessLog({ ...LOG_FIELDS, limited: '"$limit_req_status"' }),
    `access_log ${topology.paths.logs}/edge.access.log tollgate;`,
    '',
    ...idMaps(),
    '',
    ...waitMap(),
    '',
    ...limitZones(topology.limits),
    '',
    ...shardsUpstream(topology),
    '',
    ...realIp(topology),
    '',
    'server {',
    ...serverTls(topology),
    ...serverLimits(topology.limits),
    ...HEADERS,
    ...errorPages(),
    '',
    ...proxying(topology),
    '',
    ...paymentLocations(topology),
    ...webhookLocations(topology),
    'location / {',
    ...gate(topology),
    'return 404;',
    '}',
    ...optionsLocation(),
    ...problemLocations(HEADERS),
    '}',
    '}',
  ]);
}

function limitZones(limits: Limits): string[] {
  return [
    '# A request without a key is limited by its address alone.',
    'map $http_authorization $limit_key {',
    'default "";',
    String.raw`"~*^Bearer +(?<limit_key_text>[!-~]{1,256})\z" $limit_key_text;`,
    '}',
    `limit_req_zone $limit_key zone=by_key:16m rate=${limits.perKey}r/s;`,
    `limit_req_zone $binary_remote_addr zone=by_address:16m rate=${limits.perAddress}r/s;`,
    'limit_conn_zone $binary_remote_addr zone=connections:16m;',
  ];
}

function shardsUpstream(topology: Topology): string[] {
  return [
    ...identity(topology, 'edge-client').map,
    '# The hash is made of these names: an address may change, these lines may not.',
    'upstream shards {',
    'hash $shard_key consistent;',
    ...currentShards(topology).map(
      (shard) =>
        `server ${shardServer(topology, shard.number)} weight=${SHARD_WEIGHT} max_fails=0;`,
    ),
    `keepalive ${KEPT_MAX};`,
    'keepalive_requests 1000000;',
    'keepalive_timeout 30s;',
    '}',
  ];
}

/** The address of whoever calls: from CF-Connecting-IP where a peer of Cloudflare says so. */
function realIp(topology: Topology): string[] {
  const { realIpFrom, proxyProtocolFrom } = topology.edge;
  // Behind load balancers the peer is one of theirs, and `geo` judges whom they speak for.
  const trusted = proxyProtocolFrom ?? realIpFrom;
  return [
    ...trusted.map((text) => `set_real_ip_from ${text};`),
    'real_ip_header CF-Connecting-IP;',
    ...(proxyProtocolFrom
      ? [
          'geo $proxy_protocol_addr $is_cloudflare {',
          'default 0;',
          ...realIpFrom.map((text) => `${text} 1;`),
          '}',
        ]
      : []),
  ];
}

function serverTls({ edge, paths }: Topology): string[] {
  const certificate = edge.certificate ?? `${paths.pki}/edge.pem`;
  const host = edge.address.includes(':') ? `[${edge.address}]` : edge.address;
  const proxy = edge.proxyProtocolFrom ? ' proxy_protocol' : '';
  return [
    `listen ${host}:${edge.port} ssl http2${proxy} default_server backlog=4096;`,
    'server_name _;',
    `ssl_certificate ${certificate};`,
    `ssl_certificate_key ${certificate};`,
    'ssl_protocols TLSv1.2 TLSv1.3;',
    `ssl_ciphers ${CIPHERS.join(':')};`,
    'ssl_ecdh_curve X25519:prime256v1:secp384r1;',
    'ssl_prefer_server_ciphers off;',
    'ssl_session_cache shared:edge:16m;',
    'ssl_session_timeout 10m;',
    'ssl_session_tickets off;',
    'ssl_buffer_size 4k;',
    ...(edge.originPullCa
      ? [`ssl_client_certificate ${edge.originPullCa};`, 'ssl_verify_client on;']
      : []),
  ];
}

function serverLimits(limits: Limits): string[] {
  return [
    `client_max_body_size ${limits.bodyKib}k;`,
    `client_body_buffer_size ${limits.bodyKib}k;`,
    'client_body_in_single_buffer on;',
    // Together less than the 4 KiB that uWebSockets.js takes, with what is added here.
    'client_header_buffer_size 1k;',
    'large_client_header_buffers 2 1200;',
    `client_header_timeout ${limits.headerSeconds}s;`,
    `client_body_timeout ${limits.bodySeconds}s;`,
    'send_timeout 10s;',
    // The second time is the hint in `Keep-Alive`: a client that heeds it never meets the close.
    'keepalive_timeout 75s 70s;',
    'keepalive_requests 1000;',
    'http2_max_concurrent_streams 128;',
    `limit_req zone=by_key burst=${burst(limits.perKey)} nodelay;`,
    `limit_req zone=by_address burst=${burst(limits.perAddress)} nodelay;`,
    `limit_conn connections ${limits.connectionsPerAddress};`,
    'limit_req_status 429;',
    'limit_conn_status 429;',
  ];
}

function burst(perSecond: number): number {
  return Math.max(1, Math.floor(perSecond / 2));
}

function proxying(topology: Topology): string[] {
  const { paths, limits } = topology;
  const own = identity(topology, 'edge-client');
  return [
    'proxy_http_version 1.1;',
    'proxy_set_header Host shards;',
    'proxy_set_header Connection "";',
    'proxy_set_header Upgrade "";',
    'proxy_set_header TE "";',
    'proxy_set_header Trailer "";',
    'proxy_set_header X-Request-Id $correlation_id;',
    'proxy_set_header X-Real-IP $remote_addr;',
    'proxy_set_header X-Forwarded-For $remote_addr;',
    'proxy_set_header X-Forwarded-Proto https;',
    'proxy_set_header CF-Connecting-IP "";',
    'proxy_set_header True-Client-IP "";',
    'proxy_set_header Forwarded "";',
    ...proxyBounds(limits, limits.promptSeconds ?? PROMPT_SECONDS),
    'proxy_hide_header uWebSockets;',
    // Set here for every answer, so that none has them twice.
    'proxy_hide_header Cache-Control;',
    'proxy_hide_header X-Content-Type-Options;',
    'proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Buffering X-Accel-Limit-Rate;',
    `proxy_ssl_certificate ${own.file};`,
    `proxy_ssl_certificate_key ${own.file};`,
    `proxy_ssl_trusted_certificate ${paths.pki}/ca.pem;`,
    'proxy_ssl_verify on;',
    'proxy_ssl_verify_depth 1;',
    'proxy_ssl_name engine-host.tollgate.internal;',
    'proxy_ssl_server_name on;',
    'proxy_ssl_protocols TLSv1.3;',
  ];
}

/** Behind a load balancer: whom it speaks for must be Cloudflare. HTTP/0.9 has no headers. */
function gate({ edge }: Topology): string[] {
  return [
    ...(edge.proxyProtocolFrom ? when('$is_cloudflare = 0', 'return 403;') : []),
    ...when('$server_protocol = HTTP/0.9', 'return 505;'),
  ];
}

function paymentLocations(topology: Topology): string[] {
  return [
    'location = /payments {',
    ...gate(topology),
    ...postOnly(),
    ...when('$header_verdict = missing', refuseWith('checkout_id_missing')),
    ...when('$header_verdict = invalid', refuseWith('checkout_id_invalid')),
    'set $shard_key $header_id;',
    'proxy_pass https://shards;',
    '}',
    'location ^~ /payments/ {',
    ...gate(topology),
    ...when('$path_verdict = invalid', refuseWith('checkout_id_invalid')),
    ...when('$path_verdict = mismatch', refuseWith('checkout_id_mismatch')),
    'set $shard_key $path_id;',
    ...when('$waits', 'rewrite ^ /_wait last;'),
    'proxy_pass https://shards;',
    '}',
    '# The same request, for longer.',
    'location = /_wait {',
    'internal;',
    `proxy_read_timeout ${topology.limits.answerSeconds}s;`,
    'proxy_pass https://shards$request_uri;',
    '}',
  ];
}

/** OPTIONS is answered here: it names no payment, so that no shard is meant. */
function postOnly(): string[] {
  return [
    ...when('$request_method = OPTIONS', 'rewrite ^ /_options last;'),
    ...when('$request_method != POST', refuseWith('method_not_allowed_post')),
  ];
}

function optionsLocation(): string[] {
  return [
    'location = /_options {',
    'internal;',
    ...HEADERS,
    `add_header Allow "${POST_ONLY}" always;`,
    'return 204;',
    '}',
  ];
}

function webhookLocations(topology: Topology): string[] {
  const { providers, limits } = topology;
  return Object.entries(providers).flatMap(([provider, networks]) => [
    `location ~ ^/webhooks/psp/${provider}(?:/|$) {`,
    ...networks.map((network) => `allow ${network};`),
    'deny all;',
    `client_max_body_size ${limits.webhookBodyKib}k;`,
    `client_body_buffer_size ${limits.webhookBodyKib}k;`,
    ...gate(topology),
    ...postOnly(),
    ...when('$webhook_key = ""', 'return 404;'),
    'set $shard_key $webhook_key;',
    'proxy_pass https://shards;',
    '}',
  ]);
}

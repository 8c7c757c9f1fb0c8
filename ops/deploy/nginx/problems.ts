/**
 * Every answer that nginx makes itself, as RFC 9457 problem documents: which of nginx's codes
 * becomes which problem, and the internal locations that hold them. A document contains no
 * byte of the request but its path, and that only where it is made of safe characters.
 */
export interface EdgeProblem {
  /** nginx's own codes that lead here; 494 to 497 are codes of nginx alone. */
  readonly from: readonly number[];
  readonly status: number;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What `Allow` says of an address that is posted to. */
export const POST_ONLY = 'POST, OPTIONS';

export const EDGE_PROBLEMS: readonly EdgeProblem[] = [
  problem([400], 400, 'Bad Request', 'bad_request', 'The request is not HTTP as it should be.'),
  problem([497], 400, 'Bad Request', 'https_required', 'Only HTTPS is spoken here.'),
  problem([], 400, 'Bad Request', 'checkout_id_missing', 'Send the header X-PAYMENT-CHECKOUT-ID.'),
  problem(
    [],
    400,
    'Bad Request',
    'checkout_id_invalid',
    'A checkout id is 1 to 64 letters, digits, _ or -, and the path has nothing else unusual.',
  ),
  problem(
    [],
    400,
    'Bad Request',
    'checkout_id_mismatch',
    'The header X-PAYMENT-CHECKOUT-ID differs from the id in the path.',
  ),
  problem([403], 403, 'Forbidden', 'forbidden', 'This is not for this address or peer.'),
  problem(
    [495, 496],
    403,
    'Forbidden',
    'client_certificate_refused',
    'A valid client certificate is needed.',
  ),
  problem([404], 404, 'Not Found', 'not_found', 'There is nothing at this address.'),
  problem(
    [405],
    405,
    'Method Not Allowed',
    'method_not_allowed',
    'The methods are GET, HEAD, POST and OPTIONS.',
    { Allow: 'GET, HEAD, POST, OPTIONS' },
  ),
  problem(
    [],
    405,
    'Method Not Allowed',
    'method_not_allowed_post',
    `The methods of this address are ${POST_ONLY}.`,
    { Allow: POST_ONLY },
  ),
  problem([408], 408, 'Request Timeout', 'request_timeout', 'The request came too slowly.'),
  problem([411], 411, 'Length Required', 'length_required', 'Send Content-Length.'),
  problem([413], 413, 'Content Too Large', 'body_too_large', 'The body is too large.'),
  problem([414], 414, 'URI Too Long', 'uri_too_long', 'The address is too long.'),
  problem([415], 415, 'Unsupported Media Type', 'unsupported_media_type', 'Send JSON.'),
  problem([421], 421, 'Misdirected Request', 'misdirected_request', 'Wrong host for this TLS.'),
  problem(
    [494],
    431,
    'Request Header Fields Too Large',
    'headers_too_large',
    'The headers are too large.',
  ),
  problem([429], 429, 'Too Many Requests', 'rate_limited', 'Too many requests; slow down.', {
    'Retry-After': '1',
  }),
  problem([500], 500, 'Internal Server Error', 'internal_error', 'Something is wrong here.'),
  problem([501], 501, 'Not Implemented', 'not_implemented', 'This is not spoken here.'),
  problem([505], 505, 'HTTP Version Not Supported', 'http_version', 'Use HTTP/1.1 or HTTP/2.'),
  problem(
    [502, 503, 504],
    503,
    'Service Unavailable',
    'shard_unavailable',
    'The shard of this payment does not answer at the moment; send the same request again.',
    { 'Retry-After': '1' },
  ),
];

/** Sends a request to the problem of this code. */
export function refuseWith(code: string): string {
  if (!EDGE_PROBLEMS.some((edgeProblem) => edgeProblem.code === code))
    throw new Error(`no such problem: ${code}`);
  return `rewrite ^ /_problem/${code} last;`;
}

/** `error_page` lines for every code that nginx may answer with. */
export function errorPages(): string[] {
  return EDGE_PROBLEMS.filter((edgeProblem) => edgeProblem.from.length > 0).map(
    (edgeProblem) =>
      `error_page ${edgeProblem.from.join(' ')} =${edgeProblem.status} /_problem/${edgeProblem.code};`,
  );
}

/**
 * Internal locations, one a problem. They use the variables `$instance` and `$correlation_id`.
 * @param headers `add_header` lines that every answer has
 */
export function problemLocations(headers: readonly string[]): string[] {
  return EDGE_PROBLEMS.flatMap((edgeProblem) => [
    `location = /_problem/${edgeProblem.code} {`,
    '  internal;',
    '  default_type application/problem+json;',
    ...headers.map((line) => `  ${line}`),
    ...Object.entries(edgeProblem.headers ?? {}).map(
      ([name, value]) => `  add_header ${name} "${value}" always;`,
    ),
    `  return ${edgeProblem.status} '${document(edgeProblem)}';`,
    '}',
  ]);
}

function document(edgeProblem: EdgeProblem): string {
  return JSON.stringify({
    type: 'about:blank',
    title: edgeProblem.title,
    status: edgeProblem.status,
    code: edgeProblem.code.replace(/_post$/, ''),
    detail: edgeProblem.detail,
    instance: '$instance',
  });
}

function problem(
  from: readonly number[],
  status: number,
  title: string,
  code: string,
  detail: string,
  headers?: Readonly<Record<string, string>>,
): EdgeProblem {
  return { from, status, title, code, detail, ...(headers ? { headers } : {}) };
}

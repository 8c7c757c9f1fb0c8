/** RFC 9457 problem documents: every answer that is not 2xx or 304. Never card data. */
import { pathHasCardData } from './card-data.js';

export interface BodyError {
  /** JSON pointer (RFC 6901) into the body. */
  readonly pointer: string;
  readonly detail: string;
}

export interface Problem {
  readonly status: string;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly BodyError[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** All problems that need no particulars. */
export const PROBLEMS = {
  notFound: problem('404 Not Found', 'not_found', 'There is nothing at this address.'),
  paymentNotFound: problem(
    '404 Not Found',
    'payment_not_found',
    'No payment has this checkout id.',
  ),
  checkoutIdMissing: problem(
    '400 Bad Request',
    'checkout_id_missing',
    'Send the header X-PAYMENT-CHECKOUT-ID.',
  ),
  checkoutIdInvalid: problem(
    '400 Bad Request',
    'checkout_id_invalid',
    'A checkout id is 1 to 64 letters, digits, _ or -.',
  ),
  cardData: problem(
    '400 Bad Request',
    'card_data_refused',
    'Something in the request looks like card data, which must never be sent here; nothing was stored. Send a token.',
  ),
  checkoutIdMismatch: problem(
    '400 Bad Request',
    'checkout_id_mismatch',
    'payment_checkout_id differs from the header X-PAYMENT-CHECKOUT-ID.',
    [{ pointer: '/payment_checkout_id', detail: 'must equal the header' }],
  ),
  providerNotAllowed: problem(
    '403 Forbidden',
    'provider_not_allowed',
    'This merchant may not use this provider; name one that it may use.',
    [{ pointer: '/provider', detail: 'is not allowed for this merchant' }],
  ),
  providerNotConfigured: problem(
    '400 Bad Request',
    'provider_not_configured',
    'This provider is not one of TOLLGATE_PROVIDERS.',
    [{ pointer: '/provider', detail: 'is not configured' }],
  ),
  headerRepeated: problem(
    '400 Bad Request',
    'header_repeated',
    'A header that may come once was sent more than once.',
  ),
  lengthRequired: problem('411 Length Required', 'length_required', 'Send Content-Length.'),
  unsupportedType: problem(
    '415 Unsupported Media Type',
    'unsupported_media_type',
    'Send Content-Type: application/json.',
  ),
  unsupportedCoding: problem(
    '415 Unsupported Media Type',
    'unsupported_content_encoding',
    'Send the body as it is, without Content-Encoding.',
    undefined,
    { 'Accept-Encoding': 'identity' },
  ),
  transferCoding: problem(
    '501 Not Implemented',
    'not_implemented',
    'The only transfer coding is chunked.',
  ),
  invalidJson: problem('400 Bad Request', 'invalid_json', 'The body is not JSON in UTF-8.'),
  keyReuse: problem(
    '422 Unprocessable Content',
    'idempotency_key_reuse',
    'This checkout id was used with another body; use a new id for a new payment.',
  ),
  busy: problem(
    '503 Service Unavailable',
    'busy',
    'Too much is waiting; send the same request again.',
    undefined,
    { 'Retry-After': '1' },
  ),
  moving: problem(
    '503 Service Unavailable',
    'shard_moving',
    'This id is moving to another shard, or its earlier shard cannot be asked; send the same request again.',
    undefined,
    { 'Retry-After': '1' },
  ),
  tooManyLongPolls: problem(
    '429 Too Many Requests',
    'too_many_long_polls',
    'Too many requests of this merchant wait already (Prefer: wait). Poll without it, or wait for the others.',
    undefined,
    { 'Retry-After': '2' },
  ),
  addressNotAllowed: problem(
    '403 Forbidden',
    'address_not_allowed',
    'This address is not one that the provider calls from.',
  ),
  keyMissing: problem(
    '401 Unauthorized',
    'key_missing',
    'Send Authorization: Bearer and your API key.',
    undefined,
    { 'WWW-Authenticate': 'Bearer realm="tollgate"' },
  ),
  keyInvalid: problem('401 Unauthorized', 'key_invalid', 'This API key is not known.', undefined, {
    'WWW-Authenticate': 'Bearer realm="tollgate", error="invalid_token"',
  }),
  checksumRequired: problem(
    '401 Unauthorized',
    'checksum_required',
    'Send X-PAYMENT-CHECKSUM and X-PAYMENT-TIMESTAMP: this merchant has a secret.',
  ),
  checksumInvalid: problem(
    '401 Unauthorized',
    'checksum_invalid',
    'The checksum is not that of this request: sha256= and the lower-case hex HMAC-SHA256 over timestamp, method, path without query, id and body, joined by line feeds.',
  ),
  timestampNotSeconds: problem(
    '401 Unauthorized',
    'checksum_invalid',
    'X-PAYMENT-TIMESTAMP is in Unix seconds.',
  ),
  timestampOutOfRange: problem(
    '401 Unauthorized',
    'timestamp_out_of_range',
    'X-PAYMENT-TIMESTAMP is more than 300 seconds from now; sign again.',
  ),
  signatureMissing: problem(
    '401 Unauthorized',
    'signature_missing',
    'The header with the signature is missing.',
  ),
  signatureInvalid: problem(
    '401 Unauthorized',
    'signature_invalid',
    'The signature does not fit the body.',
  ),
  signatureTooOld: problem(
    '401 Unauthorized',
    'timestamp_out_of_range',
    'The signature was made more than five minutes ago, or ahead; sign again.',
  ),
  eventIdInvalid: problem(
    '400 Bad Request',
    'event_id_invalid',
    'An event carries an id of 1 to 255 letters, digits, dots, colons, _ or -.',
  ),
  internalError: problem(
    '500 Internal Server Error',
    'internal_error',
    'An error in tollgate stopped this request. Send the same request again; if this answer comes again, report it with the checkout id.',
  ),
  recordDamaged: problem(
    '500 Internal Server Error',
    'record_damaged',
    'The stored payment cannot be read. Nothing was changed. Report it with the checkout id.',
  ),
  unavailable: problem(
    '503 Service Unavailable',
    'unavailable',
    'Nothing is taken at the moment; send the same request again.',
    undefined,
    { 'Retry-After': '5' },
  ),
} as const;

export function bodyTooLarge(bytesMax: number): Problem {
  const detail = `The body may have at most ${bytesMax} bytes.`;
  return problem('413 Content Too Large', 'body_too_large', detail);
}

/** @param allow the methods that the address has */
export function methodNotAllowed(allow: string): Problem {
  const detail = `The methods of this address are ${allow}.`;
  return problem('405 Method Not Allowed', 'method_not_allowed', detail, undefined, {
    Allow: allow,
  });
}

export function invalidBody(errors: readonly BodyError[]): Problem {
  return problem('400 Bad Request', 'invalid_request', 'The body does not fit the schema.', errors);
}

/** @returns the document's JSON text */
export function problemBody(entry: Problem, instance: string): string {
  return JSON.stringify({
    type: 'about:blank',
    title: entry.status.slice(4),
    status: Number(entry.status.slice(0, 3)),
    code: entry.code,
    detail: entry.detail,
    instance: pathHasCardData(instance) ? '/' : instance,
    ...(entry.errors ? { errors: entry.errors } : {}),
  });
}

function problem(
  status: string,
  code: string,
  detail: string,
  errors?: readonly BodyError[],
  headers?: Readonly<Record<string, string>>,
): Problem {
  return { status, code, detail, ...(errors ? { errors } : {}), ...(headers ? { headers } : {}) };
}

/** The OpenAPI 3.1 document, made from the schemas that validate. */
import { PROVIDER_PATTERN } from '../../engine/domain/payment.js';
import {
  AcceptedPayment,
  CHECKOUT_ID_PATTERN,
  CheckoutBody,
  Payment,
  ProblemDocument,
  WebhookReceipt,
} from './schemas.js';

const problem = (description: string): object => ({
  description,
  content: { 'application/problem+json': { schema: ProblemDocument } },
});
const text = { schema: { type: 'string' } };
const seconds = { schema: { type: 'integer' } };
const header = (name: string, required: boolean, schema: object): object => ({
  name,
  in: 'header',
  required,
  schema,
});
/** Ignored, whatever they hold, where the merchant has no secret; hence no pattern. */
const timestamp = {
  type: 'string',
  description: 'Unix seconds; required where the merchant has a secret',
  examples: ['1700000000'],
};
const checksum = {
  type: 'string',
  description: '`sha256=` and 64 hex digits; required where the merchant has a secret',
  examples: [`sha256=${'0'.repeat(64)}`],
};
const checksumHeaders = [
  header('X-PAYMENT-TIMESTAMP', false, timestamp),
  header('X-PAYMENT-CHECKSUM', false, checksum),
];
const unauthorized = {
  ...problem(
    'Where keys are configured: `key_missing`, `key_invalid`; of a merchant with a secret: `checksum_required`, `checksum_invalid`, `timestamp_out_of_range`.',
  ),
  headers: { 'WWW-Authenticate': text },
};
const retryLater = (description: string): object => ({
  ...problem(description),
  headers: { 'Retry-After': seconds },
});
/** What every address may answer. */
const always = {
  405: { ...problem('The address does not have this method.'), headers: { Allow: text } },
  429: retryLater(
    'The edge: too many requests of this key or address. The engine: `too_many_long_polls`.',
  ),
  431: problem('The edge: the headers are too large, or too many.'),
  500: problem(
    '`internal_error`: an error in tollgate; send the same request again. `record_damaged`: the stored payment cannot be read.',
  ),
};
/** What every address that takes a body may answer. */
const bodyProblems = {
  411: problem('Content-Length is missing.'),
  413: problem('The body is too large.'),
  415: {
    ...problem('The body is not application/json, or has a Content-Encoding.'),
    headers: { 'Accept-Encoding': text },
  },
  501: problem('The body has a Transfer-Encoding other than chunked.'),
  503: retryLater('Not accepted right now; send the same request again.'),
};
const webhookResponses = {
  200: {
    description: 'Stored, durably; an event that was stored before gives the same answer.',
    content: { 'application/json': { schema: WebhookReceipt } },
  },
  400: problem('The body is not JSON, or the event has no id.'),
  401: problem('The signature is missing, does not fit, or is not of these five minutes.'),
  403: problem('The address is not one that the provider calls from.'),
  404: problem('The provider is not known, or has no webhook secret here.'),
  ...bodyProblems,
  ...always,
};
/** The body of a checkout with the providers of this engine by name. */
function checkoutOf(providers: readonly string[]): object {
  const { pattern: _, ...provider } = CheckoutBody.properties.provider;
  const named = providers.length > 0 ? { ...provider, enum: providers } : provider;
  return { ...CheckoutBody, properties: { ...CheckoutBody.properties, provider: named } };
}

const path = (name: string, schema: object): object => ({
  name,
  in: 'path',
  required: true,
  schema,
});
const signature = `t=1700000000,v1=${'0'.repeat(64)}`;
/** The raw body is what the signature covers. */
function webhook(operationId: string, pathParameters: readonly object[]): object {
  return {
    post: {
      operationId,
      parameters: [
        ...pathParameters,
        header('X-PSP-Signature', false, { type: 'string', examples: [signature] }),
        header('Stripe-Signature', false, { type: 'string', examples: [signature] }),
      ],
      requestBody: { required: true, content: { 'application/json': { schema: {} } } },
      responses: webhookResponses,
    },
  };
}
/** An engine without a keys file asks for none, and listens on loopback only. */
const security = [{ key: [] }, {}];
const provider = path('provider', { type: 'string', pattern: PROVIDER_PATTERN });
const checkoutId = { type: 'string', pattern: CHECKOUT_ID_PATTERN };

const validators = {
  ETag: { description: 'changes with the status', ...text },
  'Retry-After': { description: 'while the status is not terminal', ...seconds },
  'Preference-Applied': { description: 'how long the answer waited at most', ...text },
};
/** @param method HEAD is answered like GET, without the body */
function readPayment(operationId: string, method: 'GET' | 'HEAD'): object {
  const content = { content: { 'application/json': { schema: Payment } } };
  return {
    operationId,
    parameters: [
      path('id', checkoutId),
      header('If-None-Match', false, { type: 'string', examples: ['"v2"'] }),
      header('Prefer', false, {
        type: 'string',
        description: '`wait=10` (RFC 7240) answers once the status changes, at most 30 s later',
      }),
      ...checksumHeaders,
    ],
    security,
    responses: {
      200: {
        description: 'The payment.',
        headers: validators,
        ...(method === 'GET' ? content : {}),
      },
      304: { description: 'Not changed.', headers: validators },
      400: problem('The id is malformed, or is card data (`card_data_refused`).'),
      401: unauthorized,
      404: problem('No such payment.'),
      ...always,
      503: retryLater('The id is moving to another shard; send the same request again.'),
    },
  };
}

/** @param providers that are configured: another one is refused */
export const openapi = (providers: readonly string[]): object => document(checkoutOf(providers));

const document = (checkout: object): object => ({
  openapi: '3.1.0',
  info: {
    title: 'tollgate',
    version: '0.3.0',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
  paths: {
    '/payments': {
      post: {
        operationId: 'createPayment',
        security,
        parameters: [header('X-PAYMENT-CHECKOUT-ID', true, checkoutId), ...checksumHeaders],
        requestBody: { required: true, content: { 'application/json': { schema: checkout } } },
        responses: {
          202: {
            description: 'Accepted and durable; the same id and body give the same bytes again.',
            headers: {
              Location: text,
              'Retry-After': seconds,
              'Idempotent-Replayed': { schema: { type: 'string', const: 'true' } },
            },
            content: { 'application/json': { schema: AcceptedPayment } },
          },
          400: problem(
            'The request is malformed, holds card data (`card_data_refused`), or names a provider that is not configured (`provider_not_configured`).',
          ),
          401: unauthorized,
          403: problem('The merchant may not use this provider (`provider_not_allowed`).'),
          422: problem('The id was used with another body.'),
          ...bodyProblems,
          ...always,
        },
      },
    },
    '/payments/{id}': {
      get: readPayment('getPayment', 'GET'),
      head: readPayment('headPayment', 'HEAD'),
    },
    '/webhooks/psp/{provider}': webhook('receiveWebhook', [provider]),
    '/webhooks/psp/{provider}/{merchant}/{id}': webhook('receiveRoutedWebhook', [
      provider,
      path('merchant', checkoutId),
      path('id', checkoutId),
    ]),
  },
});

/** The single source of the public API's types, validation and OpenAPI document. */
import { type Static, Type } from '@sinclair/typebox';
import { CURRENCIES, CURRENCIES_PUBLISHED } from '../../engine/domain/currencies.js';
import { PAYMENT_STATUSES, PROVIDER_PATTERN } from '../../engine/domain/payment.js';

export const CHECKOUT_ID_PATTERN = '^[A-Za-z0-9_-]{1,64}$';
export const AMOUNT_MAX = 999_999_999_999;
export const BODY_BYTES_MAX = 16 * 1024;
export const WEBHOOK_BYTES_MAX = 256 * 1024;

const closed = { additionalProperties: false } as const;
/** Postgres cannot store U+0000; `text` also refuses an unpaired surrogate, which has no UTF-8. */
export const TEXT_PATTERN = '^[^\\u0000]*$';
const text = { format: 'text', pattern: TEXT_PATTERN } as const;

/**
 * Not a Type.Record: its key pattern does not match a line break, and the values of keys that it
 * does not match are not checked.
 */
const metadata = Type.Unsafe<Record<string, string>>({
  type: 'object',
  maxProperties: 50,
  propertyNames: { type: 'string', minLength: 1, maxLength: 40, ...text },
  additionalProperties: { type: 'string', maxLength: 500, ...text },
});

export const CheckoutBody = Type.Object(
  {
    amount: Type.Integer({ minimum: 1, maximum: AMOUNT_MAX, description: 'minor units' }),
    currency: Type.String({
      enum: CURRENCIES,
      description: `legal tender of ISO 4217, list one of ${CURRENCIES_PUBLISHED}`,
    }),
    payment_method: Type.String({
      pattern: '^[A-Za-z0-9_-]{1,128}$',
      description: 'a token; never card data',
    }),
    provider: Type.Optional(
      Type.String({
        pattern: PROVIDER_PATTERN,
        description: '`wallet` goes with payment_method wallet_<name>, and with nothing else',
      }),
    ),
    description: Type.Optional(Type.String({ maxLength: 500, ...text })),
    metadata: Type.Optional(metadata),
    payment_checkout_id: Type.Optional(Type.String({ pattern: CHECKOUT_ID_PATTERN })),
  },
  closed,
);
export type CheckoutBody = Static<typeof CheckoutBody>;

const Status = Type.Union(PAYMENT_STATUSES.map((name) => Type.Literal(name)));
const accepted = {
  object: Type.Literal('payment'),
  payment_checkout_id: Type.String({ pattern: CHECKOUT_ID_PATTERN }),
  status: Status,
  amount: Type.Integer(),
  currency: Type.String(),
  payment_method: Type.String(),
  provider: Type.String(),
  created_at: Type.String({ format: 'date-time' }),
};

export const AcceptedPayment = Type.Object(accepted, closed);
export type AcceptedPayment = Static<typeof AcceptedPayment>;

export const Payment = Type.Object(
  {
    ...accepted,
    provider_reference: Type.Union([Type.String(), Type.Null()]),
    failure_code: Type.Optional(Type.String()),
    updated_at: Type.String({ format: 'date-time' }),
    refunded_amount: Type.Integer(),
    disputed_amount: Type.Optional(Type.Integer()),
    next_action: Type.Optional(Type.Unknown()),
    history: Type.Array(
      Type.Object(
        { status: Status, at: Type.String({ format: 'date-time' }), reason: Type.String() },
        closed,
      ),
    ),
  },
  closed,
);
export type Payment = Static<typeof Payment>;

export const WebhookReceipt = Type.Object({ received: Type.Literal(true) }, closed);

export const ProblemDocument = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String(),
  detail: Type.String(),
  instance: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ pointer: Type.String(), detail: Type.String() }))),
});

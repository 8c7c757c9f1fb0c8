/**
 * The usual way: Fastify, and one insert a request. The statement is prepared by name, the pool
 * has 16 connections, synchronous_commit is on; the same validation as ours, no more.
 * Arguments: port, database URL.
 */
import Fastify from 'fastify';
import pg from 'pg';

const [port, connectionString] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString, max: 16 });
await pool.query(`create table if not exists checkouts (
  merchant text, checkout_id text, amount bigint not null, currency text not null,
  payment_method text not null, created_at timestamptz not null default now(),
  primary key (merchant, checkout_id))`);
const insert = {
  name: 'insert-checkout',
  text: `insert into checkouts (merchant, checkout_id, amount, currency, payment_method)
    values ($1, $2, $3, $4, $5)
    on conflict (merchant, checkout_id) do nothing returning created_at`,
};
const app = Fastify({ logger: false, bodyLimit: 16 * 1024 });
const body = {
  type: 'object',
  additionalProperties: false,
  required: ['amount', 'currency', 'payment_method'],
  properties: {
    amount: { type: 'integer', minimum: 1, maximum: 999_999_999_999 },
    currency: { type: 'string', minLength: 3, maxLength: 3 },
    payment_method: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,128}$' },
  },
};
app.post('/payments', { schema: { body } }, async (request, reply) => {
  const id = request.headers['x-payment-checkout-id'];
  const { amount, currency, payment_method } = request.body;
  const { rows } = await pool.query({
    ...insert,
    values: ['default', id, amount, currency, payment_method],
  });
  reply.code(202);
  return {
    object: 'payment',
    payment_checkout_id: id,
    status: 'pending',
    amount,
    currency,
    payment_method,
    created_at: rows[0]?.created_at ?? null,
  };
});
app.get(
  '/count',
  async () => (await pool.query('select count(*)::int as n from checkouts')).rows[0],
);
await app.listen({ host: '127.0.0.1', port: Number(port) });
process.on('SIGTERM', async () => {
  await app.close();
  await pool.end();
});

/**
 * The rival of the accept and status benches: uWebSockets.js that reads the body and answers,
 * nothing else. `GET` answers a payment's text from memory.
 */
import uWS from 'uWebSockets.js';

const port = Number(process.argv[2]);
const answer = JSON.stringify({ object: 'payment', status: 'pending' });
const payment = JSON.stringify({
  object: 'payment',
  payment_checkout_id: 'bench-1',
  status: 'succeeded',
  amount: 1999,
  currency: 'USD',
  payment_method: 'pm_card_visa',
  provider: 'simulator',
  created_at: '2026-01-01T00:00:00.000Z',
  provider_reference: 'ch_1',
  updated_at: '2026-01-01T00:00:00.000Z',
  refunded_amount: 0,
});

uWS
  .App()
  .post('/payments', (res) => {
    res.onAborted(() => {});
    res.onData((_chunk, isLast) => {
      if (isLast)
        res.cork(() => {
          res.writeStatus('202 Accepted');
          res.writeHeader('Content-Type', 'application/json');
          res.end(answer);
        });
    });
  })
  .get('/payments/:id', (res, req) => {
    req.getParameter(0);
    res.cork(() => {
      res.writeStatus('200 OK');
      res.writeHeader('Content-Type', 'application/json');
      res.end(payment);
    });
  })
  .listen('127.0.0.1', port, () => {});

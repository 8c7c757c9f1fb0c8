/** The rival of the accept bench: uWebSockets.js that reads the body and answers, nothing else. */
import uWS from 'uWebSockets.js';

const port = Number(process.argv[2]);
const answer = JSON.stringify({ object: 'payment', status: 'pending' });

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
  .listen('127.0.0.1', port, () => {});

/** Settings of the PSP simulator. */
import { port, text } from '../settings.js';
import { shared } from './shared.js';

export const simulatorTable = {
  home: shared.home,
  logLevel: shared.logLevel,
  production: shared.production,
  port: port('TOLLGATE_SIMULATOR_PORT', 8090, 'PSP simulator'),
  simulatorDir: text('TOLLGATE_SIMULATOR_DIR', '', 'ledger folder (default HOME/data/simulator)'),
  webhookUrl: text(
    'TOLLGATE_WEBHOOK_URL',
    'http://127.0.0.1:8080/webhooks/psp/simulator',
    'where webhooks are sent: /{merchant}/{checkout id} is added',
  ),
  webhookSecret: text('TOLLGATE_WEBHOOK_SECRET', 'whsec_development_only', 'signs webhooks'),
} as const;

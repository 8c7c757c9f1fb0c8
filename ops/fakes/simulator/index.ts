/** The PSP simulator: a process of its own whose ledger is the oracle of the tests. */
import type { SimulatorConfig } from '../../../engine/config/config.js';
import { listenOn } from '../../../engine/host/listening.js';
import type { Logger } from '../../../engine/util/log.js';
import { Acquirer } from './acquirer.js';
import { Ledger } from './ledger.js';
import { buildServer } from './server.js';
import { WebhookSender } from './webhooks.js';

export interface Simulator {
  close(): Promise<void>;
}

export async function startSimulator(config: SimulatorConfig, logger: Logger): Promise<Simulator> {
  const ledger = new Ledger(config.simulatorDir);
  const webhooks = new WebhookSender({ url: config.webhookUrl, secret: config.webhookSecret });
  const acquirer = new Acquirer(ledger, webhooks);
  const app = buildServer(ledger, acquirer, webhooks);
  await listenOn(config.port, 'TOLLGATE_SIMULATOR_PORT', () =>
    app.listen({ host: '127.0.0.1', port: config.port }),
  );
  logger.info({ port: config.port, charges: ledger.size }, 'simulator ready');
  return {
    async close() {
      app.server.closeAllConnections();
      await app.close();
      acquirer.close();
      await webhooks.close();
      ledger.close();
    },
  };
}

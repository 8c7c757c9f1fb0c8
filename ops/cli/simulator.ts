/** `tollgate simulator`: the PSP simulator in this process, until SIGINT or SIGTERM. */
import closeWithGrace from 'close-with-grace';
import type { Command } from 'commander';
import { simulatorConfig } from '../../engine/config/config.js';
import { createLogger } from '../../engine/util/log.js';
import { startSimulator } from '../fakes/simulator/index.js';

const STOP_MS_MAX = 5_000;

export function registerSimulator(program: Command): void {
  program
    .command('simulator')
    .description('run the PSP simulator: test tokens, faults, and the ledger tests believe')
    .action(async () => {
      const config = simulatorConfig();
      const logger = createLogger('simulator', config.logLevel);
      const simulator = await startSimulator(config, logger);
      closeWithGrace({ delay: STOP_MS_MAX, logger: false }, async ({ err }) => {
        if (err) logger.fatal({ err }, 'the simulator ends');
        await simulator.close();
      });
    });
}

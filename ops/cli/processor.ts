/** `tollgate processor`: one processor in this process, until SIGINT or SIGTERM. */
import closeWithGrace from 'close-with-grace';
import type { Command } from 'commander';
import { payingConfig } from '../../engine/config/config.js';
import { createLogger } from '../../engine/util/log.js';
import { Processor } from '../../workers/main.js';
import { ServiceManager } from './service-manager.js';

const STOP_MS_MAX = 13_000;

export function registerProcessor(program: Command): void {
  program
    .command('processor')
    .description('run one processor: Kafka in, PSP calls, Postgres and statuses out')
    .action(async () => {
      const config = payingConfig();
      const logger = createLogger('processor', config.logLevel);
      const processor = await Processor.start(config, logger);
      const manager = ServiceManager.started(logger);
      closeWithGrace({ delay: STOP_MS_MAX, logger: false }, async ({ err }) => {
        if (err) logger.fatal({ err }, 'the processor ends');
        manager.stopping();
        await processor.close();
      });
    });
}

/** `tollgate engine`: one shard in this process, until SIGINT or SIGTERM. */
import closeWithGrace from 'close-with-grace';
import type { Command } from 'commander';
import { engineConfig } from '../../engine/config/config.js';
import { startEngine } from '../../engine/index.js';
import { createLogger } from '../../engine/util/log.js';
import { openapi } from '../../gateway/http/openapi.js';
import { ServiceManager } from './service-manager.js';

const STOP_MS_MAX = 12_000;

export function registerEngine(program: Command): void {
  program
    .command('engine')
    .description('run one shard: HTTP in, RocksDB, Kafka out; settings are TOLLGATE_… variables')
    .action(async () => {
      const config = engineConfig();
      const logger = createLogger('engine', config.logLevel);
      if (config.providers.length === 0)
        logger.warn('TOLLGATE_PROVIDERS names no provider: every new checkout is refused');
      const gatewayWorker = new URL('../../gateway/worker.js', import.meta.url);
      const composition = { gatewayWorker, openapi: openapi(config.providers) };
      const service = await startEngine(config, logger, composition);
      const manager = ServiceManager.started(logger);
      closeWithGrace({ delay: STOP_MS_MAX, logger: false }, async ({ err }) => {
        if (err) logger.fatal({ err }, 'the engine ends');
        manager.stopping();
        await service.close();
      });
    });
}

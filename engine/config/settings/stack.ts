/** Settings of the local stack: whose ports, which servers. */
import { port, text } from '../settings.js';
import { engineTable } from './engine.js';
import { processorTable } from './processor.js';
import { shared } from './shared.js';
import { simulatorTable } from './simulator.js';

export const stackTable = {
  home: shared.home,
  logLevel: shared.logLevel,
  adminTokensFile: shared.adminTokensFile,
  auditLog: text(
    'TOLLGATE_AUDIT_LOG',
    '',
    'what operators change by commands, a line of JSON each, 0600 (default HOME/logs/audit.log)',
  ),
  apiPort: engineTable.apiPort,
  adminPort: engineTable.adminPort,
  processorAdminPort: processorTable.adminPort,
  simulatorPort: simulatorTable.port,
  kafkaPort: port('TOLLGATE_KAFKA_PORT', 19092, 'local Kafka'),
  kafkaControllerPort: port('TOLLGATE_KAFKA_CONTROLLER_PORT', 19093, 'local Kafka controller'),
  postgresPort: port('TOLLGATE_POSTGRES_PORT', 15432, 'local Postgres'),
  externalKafka: text('TOLLGATE_KAFKA_BROKERS', '', 'use these brokers and start none'),
  externalDatabase: text('TOLLGATE_DATABASE_URL', '', 'use this database and start none'),
  ownerUrl: {
    ...text(
      'TOLLGATE_DATABASE_OWNER_URL',
      '',
      'the same database as the user who owns its tables: migrates them and grants the user of TOLLGATE_DATABASE_URL its rights',
    ),
    isSecret: true,
  },
  simulatorUrl: text(
    'TOLLGATE_SIMULATOR_URL',
    '',
    'where processors call the simulator (default: the one that is started)',
  ),
  webhookUrl: text('TOLLGATE_WEBHOOK_URL', '', 'where the simulator calls back (default: the API)'),
  webhookSecrets: text(
    'TOLLGATE_SIMULATOR_WEBHOOK_SECRETS',
    '',
    'what the engine takes from the simulator (default: the secret that it signs with)',
  ),
  cacheDir: text('TOLLGATE_CACHE', '.cache', 'Kafka jars and other downloads'),
} as const;

/** The command line. Exit codes: 0 done, 1 failed, 2 wrong use, 3 done with open items. */
import { Command, CommanderError } from 'commander';
import { stopsWithParent } from '../../engine/config/config.js';
import { ConfigurationError } from '../../engine/config/settings.js';
import { messageOf } from '../client/client-errors.js';
import { packageVersion } from '../version.js';
import { audit } from './audit.js';

/** By the file's name, which may hold several commands. Only what is called is loaded. */
const COMMANDS: Record<string, () => Promise<(program: Command) => void>> = {
  engine: async () => (await import('./engine.js')).registerEngine,
  processor: async () => (await import('./processor.js')).registerProcessor,
  simulator: async () => (await import('./simulator.js')).registerSimulator,
  up: async () => (await import('./up.js')).registerUp,
  load: async () => (await import('../../bench/load/command.js')).registerLoad,
  pay: async () => (await import('./pay.js')).registerPay,
  dlq: async () => (await import('./dlq.js')).registerDlq,
  wallet: async () => (await import('./wallet.js')).registerWallet,
  recover: async () => (await import('./recover.js')).registerRecover,
  shard: async () => (await import('./shard.js')).registerShard,
  reset: async () => (await import('./reset.js')).registerReset,
  certs: async () => (await import('./certs.js')).registerCerts,
  keys: async () => (await import('./keys.js')).registerKeys,
  reconcile: async () => (await import('./reconcile.js')).registerReconcile,
  migrate: async () => (await import('./migrate.js')).registerMigrate,
  maintain: async () => (await import('./maintain.js')).registerMaintain,
  doctor: async () => (await import('./doctor.js')).registerDoctor,
  nginx: async () => (await import('./nginx.js')).registerNginx,
  plan: async () => (await import('./plan.js')).registerPlan,
};

const program = new Command('tollgate')
  .description('A small payment system: durable before it answers, never charges twice.')
  .version(packageVersion())
  .exitOverride();
const named = COMMANDS[process.argv[2] ?? ''];
for (const load of named ? [named] : Object.values(COMMANDS)) (await load())(program);

const noteEnd = audit(program);
if (stopsWithParent()) process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume();
try {
  await program.parseAsync();
  noteEnd(Number(process.exitCode ?? 0));
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    console.error(`tollgate: ${messageOf(error)}`);
    const code = error instanceof ConfigurationError ? 2 : 1;
    noteEnd(code);
    process.exit(code);
  }
}

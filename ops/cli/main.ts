/** The command line. Exit codes: 0 done, 1 failed, 2 wrong use, 3 done with open items. */
import { Command, CommanderError } from 'commander';
import { stopsWithParent } from '../../engine/core/config.js';
import { registerCerts } from './certs.js';
import { registerDlq } from './dlq.js';
import { registerDoctor } from './doctor.js';
import { registerEngine } from './engine.js';
import { registerKeys } from './keys.js';
import { registerNginx } from './nginx.js';
import { registerPay } from './pay.js';
import { registerPlan } from './plan.js';
import { registerProcessor } from './processor.js';
import { registerReconcile } from './reconcile.js';
import { registerShard } from './shard.js';
import { registerSimulator } from './simulator.js';
import { registerUp } from './up.js';
import { registerWallet } from './wallet.js';

const program = new Command('tollgate')
  .description('A small payment system: durable before it answers, never charges twice.')
  .version('0.3.0')
  .exitOverride();
registerEngine(program);
registerProcessor(program);
registerSimulator(program);
registerUp(program);
registerPay(program);
registerDlq(program);
registerWallet(program);
registerShard(program);
registerCerts(program);
registerKeys(program);
registerReconcile(program);
registerDoctor(program);
registerNginx(program);
registerPlan(program);

if (stopsWithParent()) process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM')).resume();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    console.error(`tollgate: ${(error as Error).message}`);
    process.exit(1);
  }
}

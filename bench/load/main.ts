/** The load client as a program of its own, for the benches: `tollgate load` without the rest. */
import { Command } from 'commander';
import { ConfigurationError } from '../../engine/core/settings.js';
import { messageOf } from '../../ops/client-errors.js';
import { registerLoad } from './command.js';

const program = new Command('bench');
registerLoad(program);
try {
  await program.parseAsync(['load', ...process.argv.slice(2)], { from: 'user' });
} catch (error) {
  console.error(`tollgate: ${messageOf(error)}`);
  process.exit(error instanceof ConfigurationError ? 2 : 1);
}

/**
 * The audit log of the command line: each command that changes something others rely on appends a
 * line of JSON to `TOLLGATE_AUDIT_LOG` with who, what, why and the result. Commands that change
 * Postgres also write a row of `operator_acts`.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { maskCardData } from '../../engine/card-data/card-mask.js';
import { auditLogFile } from '../../engine/config/config.js';
import { EngineError } from '../../engine/util/errors.js';
import { actorName } from './actor.js';

/** By their names below `tollgate`. Every other command changes nothing that outlives it, or is a client. */
export const AUDITED: readonly string[] = [
  'certs init',
  'certs rotate',
  'dlq redrive',
  'keys add',
  'keys remove',
  'keys secret add',
  'keys secret remove',
  'keys secret require',
  'migrate',
  'reconcile resolve',
  'recover postgres',
  'shard add',
  'shard recover',
  'wallet credit',
];
const HAS_A_REASON = 'reconcile resolve';

/** Adds `--note` to them. @returns called with the exit code once the command has ended */
export function audit(program: Command): (exitCode: number) => void {
  let acting: Command | undefined;
  for (const command of allCommands(program)) {
    const name = nameOf(command);
    if (AUDITED.includes(name) && name !== HAS_A_REASON)
      command.option('--note <text>', 'why, for the audit log');
  }
  program.hook('preAction', (_, command) => {
    if (!AUDITED.includes(nameOf(command))) return;
    // Where no line can be written nothing is done.
    append('');
    acting = command;
  });
  return (exitCode) => {
    if (acting) write(acting, exitCode);
  };
}

function write(command: Command, exitCode: number): void {
  const line = JSON.stringify({
    time: new Date().toISOString(),
    host: hostname(),
    actor: actorName(),
    action: nameOf(command),
    arguments: command.args,
    options: command.opts(),
    exit_code: exitCode,
  });
  append(`${maskCardData(line)}\n`);
}

/** Throws EngineError `audit_log_unwritable`. */
function append(text: string): void {
  const file = auditLogFile();
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    appendFileSync(file, text, { mode: 0o600 });
  } catch (cause) {
    const { message } = cause as Error;
    throw new EngineError(
      'audit_log_unwritable',
      `the audit log cannot be written: ${message}. See TOLLGATE_AUDIT_LOG.`,
      { cause },
    );
  }
}

export function allCommands(command: Command): Command[] {
  return command.commands.flatMap((entry) => [entry, ...allCommands(entry)]);
}

/** Without the program's own name. */
export function nameOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${nameOf(parent)} ${command.name()}` : command.name();
}

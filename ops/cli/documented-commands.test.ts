import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import { packageFile } from '../../engine/util/paths.js';
import { printedCommands, printedPages } from './printed-commands.js';

/** Units of the system's own packages that a page may name. */
const FOREIGN_UNITS = ['cloud-final'];
/** But for what a bench writes. */
const NAMED_FILE = /`((?:engine|gateway|workers|ops|docs|bench)\/(?!results)[\w./-]+)`/g;

describe('the commands that pages print', async () => {
  const program = await wholeProgram();
  const pages = printedPages();
  const printed = pages.flatMap(printedCommands);

  it('should exist in the command line, with their options', () => {
    const ours = printed.filter(
      (command) => command.words[0] === 'tollgate' && command.words.length > 1,
    );
    assert.ok(ours.length > 30, `${ours.length}`);
    for (const { page, words } of ours) checkOurs(program, page, words);
  });

  it('should be checked: each of these is wrong', () => {
    for (const text of [
      'dlq redrvie',
      'dlq redrive --because x',
      'shard recover --from-disk',
      'edge',
      'reconcile items daily',
    ])
      assert.throws(() => checkOurs(program, text, ['tollgate', ...text.split(' ')]), text);
  });

  it('should name units that there are', () => {
    const units = readdirSync(packageFile('ops/deploy/systemd')).filter((name) =>
      /\.(service|timer)$/.test(name),
    );
    const isUnit = (name: string): boolean => {
      const template = name.replace(/@[^.]*/, '@').replace(/\.(service|timer)$/, '');
      const kind = /\.timer$/.test(name) ? 'timer' : 'service';
      return units.includes(`${template}.${kind}`) || FOREIGN_UNITS.includes(name);
    };
    const named = printed.flatMap(({ page, words }) =>
      unitsOf(words).map((unit) => ({ page, unit })),
    );
    assert.ok(named.length >= 5);
    for (const { page, unit } of named)
      assert.ok(isUnit(unit), `${page}: there is no unit ${unit}`);
    assert.ok(!isUnit('nginx') && !isUnit('tollgate-nginx') && !isUnit('tollgate-edge@0'));
  });

  it('should start a program that there is, and a target of make that there is', () => {
    const targets = readFileSync(packageFile('Makefile'), 'utf8').match(/^[a-z%-]+(?=:)/gm)!;
    for (const { page, words } of printed) {
      const [first, second] = words as [string, string | undefined];
      if (first === 'make' && second !== undefined && /^[a-z-]+$/.test(second))
        assert.ok(
          targets.some((target) => new RegExp(`^${target.replace('%', '.+')}$`).test(second)),
          `${page}: make ${second}`,
        );
      // Node itself is in a release, not in the tree.
      if (first.startsWith('/opt/tollgate/') && !first.includes('/.cache/'))
        assert.ok(
          existsSync(packageFile(first.replace('/opt/tollgate/', ''))),
          `${page}: ${first}`,
        );
    }
  });

  it('should name proofs and files that there are', async () => {
    // Imported like this, it does not count as a test that starts servers.
    const { PROOFS } = await import('../prove/proofs.js');
    const proofs = PROOFS.map((proof) => proof.name);
    for (const page of pages) {
      const text = readFileSync(packageFile(page), 'utf8');
      for (const [, name] of text.matchAll(/make prove-([a-z-]+)/g))
        assert.ok([...proofs, 'bench'].includes(name!), `${page}: there is no proof ${name}`);
      for (const [, file] of text.matchAll(NAMED_FILE))
        assert.ok(existsSync(packageFile(file!)), `${page}: there is no file ${file}`);
    }
  });

  it('should link to files that there are', () => {
    for (const page of [...pages, 'SECURITY.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md'])
      for (const [, target] of readFileSync(packageFile(page), 'utf8').matchAll(
        /\]\(([^)#\s]+)[^)]*\)/g,
      ))
        if (!/^[a-z]+:/.test(target!))
          assert.ok(existsSync(join(dirname(packageFile(page)), target!)), `${page}: ${target}`);
  });
});

async function wholeProgram(): Promise<Command> {
  const program = new Command('tollgate').exitOverride();
  const files = readdirSync(packageFile('dist/ops/cli'))
    .filter((file) => file.endsWith('.js') && file !== 'main.js' && !file.includes('.test.'))
    .map((file) => `./${file}`);
  for (const file of [...files, '../../bench/load/command.js']) {
    const exported: Record<string, unknown> = await import(file);
    for (const [name, register] of Object.entries(exported))
      if (/^register[A-Z]/.test(name)) (register as (program: Command) => void)(program);
  }
  return program;
}

/** @throws what is wrong with a command of ours */
function checkOurs(program: Command, page: string, words: readonly string[]): void {
  const line = `${page}: ${words.join(' ')}`;
  let command = program;
  const rest = words.slice(1);
  while (command.commands.length > 0 && rest.length > 0 && !rest[0]!.startsWith('-')) {
    const name = rest.shift()!;
    const found = command.commands.find((entry) => entry.name() === name);
    assert.ok(found, `${line}: there is no command ${name}`);
    command = found;
  }
  let places = 0;
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!;
    if (!word.startsWith('--')) places++;
    else if (word !== '--help') {
      const option = command.options.find((entry) => entry.long === word.split('=')[0]);
      assert.ok(option, `${line}: there is no option ${word}`);
      // A quoted value may have blanks.
      if (option.required && /^["']/.test(rest[i + 1] ?? ''))
        while (i + 1 < rest.length && !/["']$/.test(rest[i + 1]!)) i++;
      if (option.required) i++;
    }
  }
  const { registeredArguments: takes } = command;
  assert.ok(
    takes.some((take) => take.variadic) || places <= takes.length,
    `${line}: too many words`,
  );
}

function unitsOf(words: readonly string[]): string[] {
  if (words[0] === 'journalctl') {
    const at = words.indexOf('-u');
    return at < 0 ? [] : [words[at + 1]!];
  }
  if (words[0] === 'systemctl') return words.slice(2).filter((word) => !word.startsWith('-'));
  return words.filter((word) => /^tollgate-[a-z-]+@/.test(word));
}

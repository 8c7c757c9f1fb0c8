/** The template in memory, and what cfn-lint says about it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stackConfig } from '../../../engine/config/config.js';
import { newStack } from './stack.js';
import type { TemplateJson } from './template.js';

const LINT_MS_MAX = 120_000;

export interface Synthesised {
  readonly template: TemplateJson;
  /** Findings of cfn-lint, one a line; empty when there are none. */
  readonly lint: () => string;
  readonly remove: () => void;
}

export function synthesise(): Synthesised {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-cdk-'));
  newStack(folder).app.synth();
  const file = join(folder, 'tollgate.template.json');
  return {
    template: JSON.parse(readFileSync(file, 'utf8')),
    lint: () => lint(file),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function lint(file: string): string {
  const command = join(stackConfig().cacheDir, 'cfn-lint', 'bin', 'cfn-lint');
  const options = ['--format', 'parseable', file];
  const { status, stdout, stderr, error } = spawnSync(command, options, {
    encoding: 'utf8',
    timeout: LINT_MS_MAX,
  });
  if (error) throw new Error(`${command} does not run (make setup installs it): ${error.message}`);
  return status === 0 ? '' : `${stdout}${stderr}`.trim() || `cfn-lint ended with ${status}`;
}

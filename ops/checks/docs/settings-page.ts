/**
 * Writes docs/reference/settings.md, the reference of every setting, from the tables that the processes
 * read: `node dist/ops/checks/docs/settings-page.js`. A test compares the page with them.
 */
import { writeFileSync } from 'node:fs';
import { TABLES } from '../../../engine/config/settings/catalogue.js';
import type { Setting } from '../../../engine/config/settings.js';
import { packageFile } from '../../../engine/util/paths.js';

export const SETTINGS_PAGE = packageFile('docs/reference/settings.md');

const INTRODUCTION = `# Settings
Every setting is an environment variable. An empty value means the default. A process names all mistakes
together and does not start (exit code 2); \`make run\` and \`make cluster\` check the settings of all their
processes before they start one. A name that begins with \`TOLLGATE_\` and is not on this page is refused.

This page is made from \`engine/config/settings/\` by \`node dist/ops/checks/docs/settings-page.js\`.
`;

export function settingsPage(): string {
  const seen = new Set<string>();
  const parts = Object.entries(TABLES).map(([title, table]) => {
    const fresh = Object.values(table).filter((setting) => !seen.has(setting.env));
    for (const { env } of fresh) seen.add(env);
    return [
      `\n## ${title}\n`,
      '| setting | default | takes | what it is |\n| --- | --- | --- | --- |\n',
      ...fresh.map(rowOf),
    ].join('');
  });
  return INTRODUCTION + parts.join('');
}

function rowOf(setting: Setting<unknown>): string {
  const cells = [`\`${setting.env}\``, defaultOf(setting), setting.accepts ?? '', setting.doc];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

function defaultOf({ fallback, shown }: Setting<unknown>): string {
  if (shown !== undefined) return shown;
  if (typeof fallback === 'boolean') return fallback ? 'on' : 'off';
  if (Array.isArray(fallback)) return code(fallback.map(nameOf).join(','));
  if (typeof fallback === 'object') return '';
  return code(`${fallback}`);
}

function nameOf(entry: unknown): string {
  return typeof entry === 'object' && entry !== null && 'name' in entry
    ? `${entry.name}`
    : `${entry}`;
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

if (process.argv[1] === import.meta.filename) writeFileSync(SETTINGS_PAGE, settingsPage());

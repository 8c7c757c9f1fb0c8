/** The commands that README, docs and runbook print, as a reader would type them. */
import { readdirSync, readFileSync } from 'node:fs';
import { packageFile } from '../../engine/util/paths.js';

export interface PrintedCommand {
  readonly page: string;
  /** Without `sudo`, `npx`, assignments before it and a comment behind it. */
  readonly text: string;
  readonly words: readonly string[];
}

/** Programs that a host or a developer's machine has: see setup.sh and the user data of ops/deploy/aws. */
const PROGRAMS = ['aws', 'chmod', 'chown', 'curl', 'journalctl', 'node', 'openssl', 'systemctl'];

export function printedPages(): string[] {
  const folders = ['docs/runbook', 'docs', 'ops/deploy/aws'];
  return [...folders.flatMap(pagesOf), 'README.md', 'docs/operate/pci.md'];
}

export function pagesOf(folder: string): string[] {
  return readdirSync(packageFile(folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);
}

/** What stands between backquotes, in a line or in a block, and starts with a known program. */
export function printedCommands(page: string): PrintedCommand[] {
  const text = readFileSync(packageFile(page), 'utf8');
  const blocks = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].flatMap((match) =>
    match[1]!.replaceAll('\\\n', ' ').split('\n'),
  );
  const inline = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`]+)`/g)].map(
    (match) => match[1]!,
  );
  return [...blocks, ...inline]
    .flatMap((block) => block.replace(/ #.*/, '').split(/ && | \| |; /))
    .map((name) => name.trim().replace(/^(?:\$ |sudo |npx |[A-Z_]+=\S+ )+/, ''))
    .map((name) => name.replace(/^\S*\/tollgate(\.mjs)? /, 'tollgate '))
    .map((text) => ({
      page,
      text,
      words: text
        .replace(/[[\]…]/g, '')
        .trim()
        .split(/\s+/),
    }))
    .filter(
      ({ words: [first] }) =>
        [...PROGRAMS, 'make', 'tollgate'].includes(first!) || first!.startsWith('/opt/tollgate/'),
    );
}

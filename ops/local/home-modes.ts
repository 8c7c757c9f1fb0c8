/**
 * Who may enter the home folder of the local system: it can be passed by all, not listed (0711),
 * because Postgres is a user of its own where root starts it. What lies in it is its owner's
 * alone: folders 0700, files 0600. `startPostgres` opens the one folder above its data again.
 */
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Folders of the home that may be passed, so that what lies in them counts too. */
const MAY_BE_PASSED = ['data', 'cluster'];

/** Also mends a home that an earlier version left open. */
export function closeHome(home: string): void {
  chmodSync(home, 0o711);
  for (const folder of ['.', ...MAY_BE_PASSED].map((text) => join(home, text)).filter(existsSync))
    closeContent(folder);
}

function closeContent(folder: string): void {
  for (const name of readdirSync(folder, { withFileTypes: true })) {
    if (name.isDirectory()) chmodSync(join(folder, name.name), 0o700);
    else if (name.isFile()) chmodSync(join(folder, name.name), 0o600);
  }
}

/** The version of this release. It is written in package.json; what cannot read it there is tested to agree. */
import { readFileSync } from 'node:fs';
import { packageFile } from '../engine/util/paths.js';

/** @returns e.g. `0.3.0` */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

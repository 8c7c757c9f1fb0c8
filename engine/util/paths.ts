/** Files of the package that are read at run time, found from the compiled code. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** @param path relative to the package root, e.g. `engine/codec/schemas/x.avsc` */
export function packageFile(path: string): string {
  return join(packageRoot, path);
}

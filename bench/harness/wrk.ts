/** wrk as the saturating load: closed loop, as many requests as the connections carry. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { packageFile } from '../../engine/util/paths.js';

let runs = 0;

export interface WrkLoad {
  readonly connections: number;
  readonly seconds: number;
  /** In bench/rivals/; gets `argument`. */
  readonly script: 'checkout.lua' | 'status.lua';
  /** For `status.lua`: prefix:count of the ids to read. */
  readonly argument?: string;
}

/** @returns answers of 2xx a second */
export async function wrk(url: string, load: WrkLoad): Promise<number> {
  const { connections, seconds, script } = load;
  const argument = load.argument ?? `w${process.pid}-${runs++}`;
  const args = ['-t', '1', '-c', `${connections}`, '-d', `${seconds}s`];
  const file = packageFile(`bench/rivals/${script}`);
  const { stdout } = await promisify(execFile)('wrk', [...args, '-s', file, url, '--', argument]);
  const total = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const took = Number(/requests in ([\d.]+)s/.exec(stdout)?.[1] ?? seconds);
  const other = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  return (total - other) / took;
}

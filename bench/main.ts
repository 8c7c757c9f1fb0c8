/** `make bench`: the suites, each beside its rival in the same run. `--quick`: shorter rounds. */
import { benchAccept } from './accept.js';
import { benchCdc } from './cdc.js';
import { benchCodec } from './codec.js';

const isQuick = process.argv.includes('--quick');
const suites: [string, () => Promise<boolean>][] = [
  ['accept', () => benchAccept(isQuick ? 1 : 5, isQuick ? 2 : 5)],
  ['cdc', () => benchCdc(isQuick ? 1 : 5, isQuick ? 50_000 : 200_000)],
  ['codec', () => benchCodec(isQuick ? 100 : 1_000).then(() => true)],
];
let missed = 0;
for (const [name, run] of suites) {
  console.log(`bench ${name}`);
  if (!(await run())) missed++;
}
process.exit(missed === 0 ? 0 : 1);

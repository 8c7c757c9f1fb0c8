/** `make prove-<name>` and `make prove`: runs proofs whole, prints figures and a verdict each. `--seed=` repeats a run. */
import { PROOFS, prove } from './proofs.js';

const [name, ...options] = process.argv.slice(2);
const isShort = options.includes('--short');
const seed = options.find((option) => option.startsWith('--seed='))?.slice('--seed='.length);
const chosen = PROOFS.filter((proof) => name === 'all' || proof.name === name);
if (chosen.length === 0) {
  console.error(`there is no proof ${name}: ${PROOFS.map((proof) => proof.name).join(', ')}`);
  process.exit(2);
}
let broken = 0;
for (const proof of chosen) {
  const problem = await prove(proof, isShort, console.log, seed || undefined);
  if (problem !== undefined) broken++;
}
process.exit(broken === 0 ? 0 : 1);

/** `node dist/ops/deploy/aws/main.js FOLDER`: writes tollgate.template.json there, offline. */
import { newStack } from './stack.js';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node dist/ops/deploy/aws/main.js FOLDER');
  process.exit(2);
}
const { app } = newStack(folder);
const { directory } = app.synth();
console.log(`${directory}/tollgate.template.json`);

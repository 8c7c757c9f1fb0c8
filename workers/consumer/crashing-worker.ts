/** A piscina worker for tests: it ends or blocks its thread as the task's detail says. */
import type { GiveUp, TaskResult } from '../tasks.js';

export default async function run({ detail }: GiveUp): Promise<TaskResult> {
  if (detail === 'exit') process.exit(3);
  if (detail === 'throw') setTimeout(() => throwNow(), 1);
  if (detail === 'reject') void Promise.reject(new Error('a promise without a handler'));
  if (detail === 'good') return { kind: 'done', outcome: 'good' };
  return new Promise(() => {});
}

function throwNow(): never {
  throw new Error('an exception in a timer');
}

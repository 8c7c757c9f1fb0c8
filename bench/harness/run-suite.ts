/** Runs one suite with a time limit. A suite that cannot run reports why and leaves no result. */
import { rmSync } from 'node:fs';
import { packageFile } from '../../engine/util/paths.js';
import type { SuiteResult } from './result.js';
import { Stage, type Suite } from './suite.js';

const SUITE_MS_MAX = 15 * 60_000;

/** @returns the result, or why there is none */
export async function runSuite(suite: Suite, isQuick: boolean): Promise<SuiteResult | string> {
  rmSync(packageFile(`bench/results/${suite.name}.json`), { force: true });
  const stage = new Stage(suite.name, isQuick);
  const since = Date.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('not done in 15 minutes')), SUITE_MS_MAX);
  });
  try {
    await Promise.race([suite.run(stage), late]);
    const result = stage.finish();
    stage.say(`(${((Date.now() - since) / 1_000).toFixed(0)} s)`);
    return result;
  } catch (error) {
    stage.say(`FAILED: ${(error as Error).stack}`);
    return (error as Error).message;
  } finally {
    clearTimeout(timer);
    stage.dispose();
  }
}

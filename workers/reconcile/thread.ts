/**
 * The scheduler's thread for reconciliation runs, so that reading a large report delays no
 * payment.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { processorConfig } from '../../engine/config/config.js';
import type { DuePeriod } from './due.js';
import { reconcile } from './run.js';
import { reconcileSettings, settlementSources } from './settings.js';

/** What the thread says of each period: what is open, or why the run failed. */
export type Done = DuePeriod & ({ readonly open: number } | { readonly failure: string });

const config = processorConfig();
const settings = reconcileSettings(config);
const sources = await settlementSources(config);
const onProgress = (): void => {};
for (const period of workerData as readonly DuePeriod[]) {
  try {
    const now = new Date();
    const { open } = await reconcile({
      ...period,
      settings,
      sources,
      onProgress,
      busyMsMax: 0,
      now,
    });
    parentPort?.postMessage({ ...period, open } satisfies Done);
  } catch (error) {
    if ((error as { code?: string }).code === 'runner_busy') throw error;
    parentPort?.postMessage({ ...period, failure: (error as Error).message } satisfies Done);
  }
}

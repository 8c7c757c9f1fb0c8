/** Runs of the scheduler, in a thread of its own: reading a large report holds nobody up. */
import { parentPort, workerData } from 'node:worker_threads';
import { processorConfig } from '../../engine/core/config.js';
import type { DuePeriod } from './due.js';
import { reconcile } from './run.js';
import { reconcileSettings, settlementSources } from './settings.js';

/** What the thread says of each period it has done. */
export interface Done extends DuePeriod {
  readonly open: number;
}

const config = processorConfig();
const settings = reconcileSettings(config);
const sources = await settlementSources(config);
for (const { kind, label } of workerData as readonly DuePeriod[]) {
  const onProgress = (): void => {};
  const request = { kind, label, settings, sources, onProgress, busyMsMax: 0, now: new Date() };
  const { open } = await reconcile(request);
  parentPort?.postMessage({ kind, label, open } satisfies Done);
}

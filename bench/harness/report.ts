/**
 * The report page: one static file, uPlot inlined, no foreign host. Tables of every suite,
 * latency by percentile, throughput against rate, the steps of a payment, history of the ratios.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageFile } from '../../engine/util/paths.js';
import { readResults } from './compare.js';
import { readHistory } from './history.js';

const UPLOT = packageFile('bench/node_modules/uplot/dist');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const PLOT_IDS = ['percentiles', 'rates', 'waterfall', 'history'];
const DRAW_MS_MAX = 30_000;

/** Writes report.html, and a PNG a plot where there is a chromium. @returns the page's path */
export async function writeReport(folder: string): Promise<string> {
  const path = join(folder, 'report.html');
  writePage(folder);
  const chromium = CHROMIUM.find((text) => existsSync(text));
  if (chromium === undefined || !existsSync(UPLOT)) return path;
  for (const id of PLOT_IDS) await draw(chromium, path, id, join(folder, `${id}.png`));
  return path;
}

/** @returns the page, which is written as report.html */
export function writePage(folder: string): string {
  const page = pageOf(folder);
  writeFileSync(join(folder, 'report.html'), page);
  return page;
}

function pageOf(folder: string): string {
  const data = { suites: [...readResults(folder).values()], history: readHistory() };
  const file = (name: string): string =>
    existsSync(join(UPLOT, name)) ? readFileSync(join(UPLOT, name), 'utf8') : '';
  const template = readFileSync(packageFile('bench/harness/report-page.html'), 'utf8');
  const parts: Record<string, string> = {
    UPLOT_CSS: file('uPlot.min.css'),
    UPLOT_JS: file('uPlot.iife.min.js'),
    PAGE_JS: readFileSync(packageFile('bench/harness/report-page.js'), 'utf8'),
    // Within a script element only these would end it.
    DATA: JSON.stringify(data).replaceAll('<', '\\u003c'),
  };
  return template.replaceAll(
    /\/\*(UPLOT_CSS|UPLOT_JS|PAGE_JS)\*\/|"(DATA)"/g,
    (_, code?: string, data?: string) => parts[code ?? data!]!,
  );
}

/** One plot alone, as the page shows it for `#only-<id>`. */
async function draw(chromium: string, page: string, id: string, png: string): Promise<void> {
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars'];
  const size = '--window-size=960,480';
  const args = [...flags, size, `--screenshot=${png}`, `file://${page}#only-${id}`];
  try {
    await promisify(execFile)(chromium, args, { timeout: DRAW_MS_MAX });
  } catch (error) {
    console.log(`  no ${id}.png: ${(error as Error).message.split('\n')[0]}`);
  }
}

/** Cloudflare's published address ranges: whom the edge takes connections and addresses from. */
import { readFileSync } from 'node:fs';
import { packageFile } from '../../engine/util/paths.js';

export interface CloudflareRanges {
  /** When Cloudflare last changed them. */
  readonly date: string;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

export function cloudflareRanges(): CloudflareRanges {
  return JSON.parse(readFileSync(packageFile('ops/deploy/cloudflare-ranges.json'), 'utf8'));
}

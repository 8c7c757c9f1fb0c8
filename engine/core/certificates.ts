/**
 * How long the certificates last that a process shows or trusts, as a figure for its metrics. A
 * renewed file is in use within seconds, so the file is what counts. One that cannot be read or
 * parsed counts as run out: the next connection fails.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { kafkaTls } from './config.js';

const DAY_MS = 86_400_000;
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * @param files PEM files besides those for Kafka; '' is none
 * @param databaseUrl of Postgres, which may name more
 * @returns the fewest days that any certificate in them has left, nothing where there are none
 */
export function certificateFigures(
  files: readonly string[],
  databaseUrl = '',
  now = Date.now(),
): Record<string, number> {
  const kafka = kafkaTls();
  const all = [
    ...files,
    ...databaseCertificates(databaseUrl),
    ...(kafka ? [kafka.ca, kafka.cert] : []),
  ].filter((it) => it !== '');
  if (all.length === 0) return {};
  return { certificate_days_left: Math.min(...all.map((it) => daysLeft(it, now))) };
}

function databaseCertificates(url: string): string[] {
  const parameters = URL.canParse(url) ? new URL(url).searchParams : new URLSearchParams();
  return ['sslcert', 'sslrootcert'].map((it) => parameters.get(it) ?? '');
}

function daysLeft(file: string, now: number): number {
  try {
    const blocks = readFileSync(file, 'utf8').match(BLOCK) ?? [];
    const ends = blocks.map((it) => Date.parse(new X509Certificate(it).validTo));
    return ends.length === 0 ? 0 : (Math.min(...ends) - now) / DAY_MS;
  } catch {
    return 0;
  }
}

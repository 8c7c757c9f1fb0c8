/**
 * Days until the certificates expire that a process presents or trusts, as a metric. A renewed
 * file is used within seconds, so the file on disk counts. A file that cannot be read or parsed
 * counts as expired, because the next connection fails.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { kafkaTls } from '../config/config.js';

const DAY_MS = 86_400_000;
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export interface CertificateFiles {
  readonly own?: readonly string[];
  readonly authorities?: readonly string[];
}

/**
 * @param files PEM files besides those for Kafka; '' is none. Of a file of `authorities` the one that
 *   lasts longest counts: an earlier one may run out beside its successor.
 * @param databaseUrl of Postgres, which may name more
 * @returns the fewest days that any certificate in them has left, nothing where there are none
 */
export function certificateFigures(
  { own = [], authorities = [] }: CertificateFiles,
  databaseUrl = '',
  now = Date.now(),
): Record<string, number> {
  const kafka = kafkaTls();
  const database = databaseCertificates(databaseUrl);
  const shown = [...own, ...database.own, kafka?.cert ?? ''].filter((text) => text !== '');
  const trusted = [...authorities, ...database.authorities, kafka?.ca ?? ''].filter(
    (authority) => authority !== '',
  );
  if (shown.length + trusted.length === 0) return {};
  const days = [
    ...shown.map((text) => daysLeft(text, now, Math.min)),
    ...trusted.map((text) => daysLeft(text, now, Math.max)),
  ];
  return { certificate_days_left: Math.min(...days) };
}

function databaseCertificates(url: string): Required<CertificateFiles> {
  const parameters = URL.canParse(url) ? new URL(url).searchParams : new URLSearchParams();
  const files = (name: string): string[] => parameters.getAll(name);
  return { own: files('sslcert'), authorities: files('sslrootcert') };
}

function daysLeft(file: string, now: number, pick: (...ends: number[]) => number): number {
  try {
    const blocks = readFileSync(file, 'utf8').match(BLOCK) ?? [];
    const ends = blocks.map((block) => Date.parse(new X509Certificate(block).validTo));
    return ends.length === 0 ? 0 : (pick(...ends) - now) / DAY_MS;
  } catch {
    return 0;
  }
}

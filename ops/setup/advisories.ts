/**
 * Whether an installed package has a known weakness (`npm audit`), for `make check`. One that is
 * rated high or critical ends it. Where the registry has no advisories (no network, a mirror) a
 * warning says so, because an audit that did not happen is not a passed one.
 */
import { npmAudit } from './npm-audit.js';

const REFUSED = new Set(['high', 'critical']);

export type Advisories =
  | { readonly kind: 'passed'; readonly lesser: readonly string[] }
  | { readonly kind: 'refused'; readonly packages: readonly string[] }
  | { readonly kind: 'unknown'; readonly why: string };

interface Answer {
  readonly vulnerabilities?: Record<string, { name: string; severity: string; range: string }>;
  readonly message?: string;
  readonly error?: { readonly summary?: string };
}

/** @param stdout of `npm audit --json` */
export function judgeAdvisories(stdout: string): Advisories {
  let answer: Answer;
  try {
    answer = JSON.parse(stdout);
  } catch {
    return { kind: 'unknown', why: 'npm gave no answer' };
  }
  const { vulnerabilities, message, error } = answer;
  if (!vulnerabilities)
    return { kind: 'unknown', why: message || error?.summary || 'npm gave no list' };
  const found = Object.values(vulnerabilities);
  const named = (list: typeof found) =>
    list.map((entry) => `${entry.name} ${entry.range} (${entry.severity})`);
  const high = found.filter((entry) => REFUSED.has(entry.severity));
  if (high.length > 0) return { kind: 'refused', packages: named(high) };
  return { kind: 'passed', lesser: named(found) };
}

if (process.argv[1] === import.meta.filename) {
  const verdict = judgeAdvisories(npmAudit());
  if (verdict.kind === 'passed') {
    console.log('npm audit: no weakness rated high or critical');
    for (const text of verdict.lesser) console.warn(`npm audit: WARNING: ${text}`);
  }
  if (verdict.kind === 'unknown')
    console.warn(`npm audit: WARNING: weaknesses were not looked up: ${verdict.why}`);
  if (verdict.kind === 'refused') {
    console.error(`npm audit: replace these packages: ${verdict.packages.join(', ')}`);
    process.exitCode = 1;
  }
}

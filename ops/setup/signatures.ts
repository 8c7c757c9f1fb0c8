/**
 * Whether the installed packages are what the registry signed (`npm audit signatures`), for
 * `make check`. A signature that is wrong or missing ends it; where the signing keys cannot be
 * had (no network, a mirror) it says so: the lockfile's digests hold in any case.
 */
import { npmAudit } from './npm-audit.js';

export type Verdict =
  | { readonly kind: 'signed' }
  | { readonly kind: 'refused'; readonly packages: readonly string[] }
  | { readonly kind: 'unknown'; readonly why: string };

interface Named {
  readonly name: string;
  readonly version: string;
}

/** @param stdout of `npm audit signatures --json` */
export function judge(stdout: string): Verdict {
  let answer: { invalid?: Named[]; missing?: Named[]; error?: { summary?: string } };
  try {
    answer = JSON.parse(stdout);
  } catch {
    return { kind: 'unknown', why: 'npm gave no answer' };
  }
  const { invalid, missing, error } = answer;
  if (!invalid || !missing) return { kind: 'unknown', why: error?.summary ?? 'npm gave no list' };
  const packages = [...invalid, ...missing].map((named) => `${named.name}@${named.version}`);
  return packages.length === 0 ? { kind: 'signed' } : { kind: 'refused', packages };
}

if (process.argv[1] === import.meta.filename) {
  const verdict = judge(npmAudit('signatures'));
  if (verdict.kind === 'signed') console.log('signatures: every package is as it was signed');
  if (verdict.kind === 'unknown')
    console.warn(`signatures: WARNING: not verified, only the digests are: ${verdict.why}`);
  if (verdict.kind === 'refused') {
    console.error(`signatures: wrong or missing: ${verdict.packages.join(', ')}`);
    process.exitCode = 1;
  }
}

/**
 * Which alerts of ops/deploy/prometheus would fire on what the processes say now. Evaluates the rules
 * that compare gauges with a number; those that need a history (`rate`, `deriv`) are left out.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { packageFile } from '../../../engine/util/paths.js';

const TERM =
  /^(?:(?<aggregate>max|sum)(?: by \(\w+\) )?\()?(?<name>\w+)(?<labels>\{[^}]*\})?\)? (?<operator>==|!=|>|<) (?<limit>\d+)$/;

interface Rule {
  readonly alert: string;
  readonly expr: string;
}

/** A metric's page per job; undefined: the process does not answer. */
export type Pages = Readonly<Record<'tollgate-engine' | 'tollgate-processor', string | undefined>>;

export function gaugeRules(): Rule[] {
  const text = readFileSync(packageFile('ops/deploy/prometheus/rules.yaml'), 'utf8');
  const { groups } = parse(text) as { groups: { rules: Rule[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  return rules.filter((rule) => rule.expr.split(' or ').every((term) => TERM.test(term)));
}

/** The names of the alerts whose expression holds. */
export function firing(rules: readonly Rule[], pages: Pages): Set<string> {
  const holds = ({ expr }: Rule): boolean =>
    expr.split(' or ').some((term) => termHolds(term, pages));
  return new Set(rules.filter(holds).map((rule) => rule.alert));
}

function termHolds(term: string, pages: Pages): boolean {
  const { aggregate, name, labels, operator, limit } = TERM.exec(term)!.groups!;
  const values = name === 'up' ? [up(labels!, pages)] : samples(name!, labels, pages);
  const compared = aggregate === 'sum' ? [values.reduce((sum, value) => sum + value, 0)] : values;
  return compared.some((value) => compare(value, operator!, Number(limit)));
}

function up(labels: string, pages: Pages): number {
  const job = /job="([^"]+)"/.exec(labels)?.[1] as keyof Pages;
  return pages[job] === undefined ? 0 : 1;
}

function samples(name: string, labels: string | undefined, pages: Pages): number[] {
  const excluded = /(\w+)!~"([^"]+)"/.exec(labels ?? '');
  const values: number[] = [];
  for (const page of Object.values(pages)) {
    for (const [, set, value] of page?.matchAll(
      new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)$`, 'gm'),
    ) ?? []) {
      const label = excluded && new RegExp(`${excluded[1]}="([^"]*)"`).exec(set ?? '')?.[1];
      if (label && new RegExp(`^(?:${excluded![2]})$`).test(label)) continue;
      values.push(Number(value));
    }
  }
  return values;
}

function compare(value: number, operator: string, limit: number): boolean {
  if (operator === '==') return value === limit;
  if (operator === '!=') return value !== limit;
  return operator === '>' ? value > limit : value < limit;
}

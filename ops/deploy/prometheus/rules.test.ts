import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { packageFile, packageRoot } from '../../../engine/util/paths.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

describe('the Prometheus rules', () => {
  const file = packageFile('ops/deploy/prometheus/rules.yaml');
  const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  const pages = readdirSync(packageFile('docs/runbook'));

  it('should name a page of the runbook that names the alert', () => {
    assert.ok(rules.length >= 10);
    for (const { alert, labels, annotations } of rules) {
      assert.match(labels.severity, /^(page|ticket)$/, alert);
      assert.ok(existsSync(packageFile(annotations.runbook)), annotations.runbook);
      assert.match(
        readFileSync(packageFile(annotations.runbook), 'utf8'),
        new RegExp(`\`${alert}\``),
      );
    }
  });

  it('should have a runbook without pages that nothing leads to', () => {
    const alarms = readFileSync(packageFile('ops/deploy/aws/alarms.ts'), 'utf8');
    const led = new Set(rules.map((rule) => rule.annotations.runbook.split('/').at(-1)));
    for (const page of pages) {
      const isAlarm = alarms.includes(`page: '${page.replace('.md', '')}'`);
      assert.ok(led.has(page) || isAlarm || page === 'card-data.md', `nothing leads to ${page}`);
    }
  });

  it('should ask for metrics that exist', () => {
    const sources = ['engine', 'gateway', 'workers']
      .flatMap((folder) =>
        readdirSync(`${packageRoot}${folder}`, { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
          .map((name) => readFileSync(`${packageRoot}${folder}/${name}`, 'utf8')),
      )
      .join('\n');
    const names = new Set(
      rules.flatMap((rule) => rule.expr.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? []),
    );
    assert.ok(names.size >= 8);
    for (const name of names) {
      // Counters of threads and of outcomes get their prefix where they are added up.
      const bare = name.replace(/^(gateway|processor)_(.*)_total$/, '$2');
      const isThere = sources.includes(`${name}:`) || sources.includes(`'${bare}'`);
      assert.ok(isThere, `no process has the metric ${name}`);
    }
  });

  it('should pass promtool where it is installed', (test) => {
    const run = (...options: string[]) => spawnSync('promtool', options, { encoding: 'utf8' });
    if (run('--version').error) return test.skip('promtool is not installed');
    for (const [what, path] of [
      ['rules', file],
      ['config', packageFile('ops/deploy/prometheus/prometheus.yaml')],
    ]) {
      const { status, stdout, stderr } = run('check', what!, path!);
      assert.equal(status, 0, `${stdout}${stderr}`);
    }
  });
});

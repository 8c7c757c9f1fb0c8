/** The deployment as ARCHITECTURE.md tells it, and as the template has it: the same hosts. */
import { readFileSync } from 'node:fs';
import { packageFile } from '../../../engine/util/paths.js';
import { resourcesOf, type TemplateJson, tagOf } from './template.js';

export const STEPS = 18;

export interface Diagram {
  /** Number of hosts by name. */
  readonly hosts: ReadonlyMap<string, number>;
  /** Steps of the flow with a row of their own. */
  readonly told: readonly number[];
  /** Steps that the picture marks, each once or more. */
  readonly drawn: ReadonlySet<number>;
}

export function diagramOf(text = readFileSync(packageFile('ARCHITECTURE.md'), 'utf8')): Diagram {
  const section = /^## Deployment\n(.*?)^## /ms.exec(text)?.[1] ?? '';
  const picture = /```\n(.*?)```/s.exec(section)?.[1] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()));
  const hosts = cells.filter(([, name, , count]) => /^[a-z]+$/.test(name!) && /^\d+$/.test(count!));
  const steps = cells.filter(([, step, what]) => /^\d+$/.test(step!) && what !== '');
  return {
    hosts: new Map(hosts.map(([, name, , count]) => [name!, Number(count)])),
    told: steps.map(([, step]) => Number(step)),
    drawn: new Set([...picture.matchAll(/\((\d+)\)/g)].map((match) => Number(match[1]))),
  };
}

export function hostsOf(template: TemplateJson): Map<string, number> {
  const hosts = new Map<string, number>();
  const add = (name: string, count: number): void => {
    hosts.set(name, (hosts.get(name) ?? 0) + count);
  };
  for (const [, resource] of resourcesOf(template, 'AWS::AutoScaling::AutoScalingGroup'))
    add(
      tagOf(resource, 'tollgate:role') ?? 'unnamed',
      Number(resource.Properties['DesiredCapacity']),
    );
  for (const _ of resourcesOf(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer')) add('nlb', 1);
  for (const [, resource] of resourcesOf(template, 'AWS::MSK::Cluster'))
    add('kafka', Number(resource.Properties['NumberOfBrokerNodes']));
  for (const _ of resourcesOf(template, 'AWS::RDS::DBInstance')) add('postgres', 1);
  return hosts;
}

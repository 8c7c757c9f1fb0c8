/**
 * Metrics of engines and processors. An agent on each host scrapes the local process, which listens
 * on loopback only, and writes to one workspace. The workspace evaluates the rules of ops/deploy/prometheus
 * and sends alerts to the topic of the alarms.
 */
import { readFileSync } from 'node:fs';
import { Fn, Stack } from 'aws-cdk-lib';
import { CfnRuleGroupsNamespace, CfnWorkspace } from 'aws-cdk-lib/aws-aps';
import { PolicyStatement, type Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { packageFile } from '../../../engine/util/paths.js';
import { ENGINE_ADMIN_PORT } from './topology.js';

const PROCESSOR_ADMIN_PORT = 8082;
const SCRAPED = {
  shard: { job: 'tollgate-engine', port: ENGINE_ADMIN_PORT },
  processor: { job: 'tollgate-processor', port: PROCESSOR_ADMIN_PORT },
} as const;

export class Metrics extends Construct {
  readonly #workspace: CfnWorkspace;

  constructor(scope: Construct, topic: Topic) {
    super(scope, 'metrics');
    this.#workspace = new CfnWorkspace(this, 'workspace', {
      alias: 'tollgate',
      alertManagerDefinition: alertManager(topic.topicArn, Stack.of(this).region),
    });
    new CfnRuleGroupsNamespace(this, 'rules', {
      name: 'tollgate',
      workspace: this.#workspace.attrArn,
      data: readFileSync(packageFile('ops/deploy/prometheus/rules.yaml'), 'utf8'),
    });
    const conditions = { ArnEquals: { 'aws:SourceArn': this.#workspace.attrArn } };
    topic.grantPublish(new ServicePrincipal('aps.amazonaws.com', { conditions }));
  }

  allowWrite(role: Role): void {
    const resources = [this.#workspace.attrArn];
    role.addToPolicy(new PolicyStatement({ actions: ['aps:RemoteWrite'], resources }));
  }

  /** Lines of a host's script: what tollgate-metrics.service reads. None where nothing is scraped. */
  agent(role: string, host: string): string[] {
    const scraped = SCRAPED[role as keyof typeof SCRAPED];
    if (scraped === undefined) return [];
    const url = Fn.join('', [this.#workspace.attrPrometheusEndpoint, 'api/v1/remote_write']);
    return [
      'cat >/etc/tollgate/metrics.yaml <<YAML',
      'global: { scrape_interval: 15s, scrape_timeout: 10s }',
      'scrape_configs:',
      `  - job_name: ${scraped.job}`,
      `    static_configs: [{ targets: ["127.0.0.1:${scraped.port}"] }]`,
      `    relabel_configs: [{ target_label: instance, replacement: "${host}/$(metadata instance-id)" }]`,
      'remote_write:',
      `  - url: ${url}`,
      '    sigv4: { region: $AWS_DEFAULT_REGION }',
      'YAML',
    ];
  }
}

function alertManager(topicArn: string, region: string): string {
  return Fn.join('\n', [
    'alertmanager_config: |',
    '  route:',
    '    receiver: people',
    '    group_by: [alertname, instance]',
    '  receivers:',
    '    - name: people',
    '      sns_configs:',
    Fn.join('', ['        - topic_arn: ', topicArn]),
    Fn.join('', ['          sigv4: { region: ', region, ' }']),
    '',
  ]);
}

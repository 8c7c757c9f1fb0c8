import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { parse } from 'yaml';
import { packageFile } from '../../../engine/util/paths.js';
import { cloudflareRanges } from '../cloudflare.js';
import { nginxFiles } from '../nginx/files.js';
import { CALLS_OUT, DOORS, HOSTS } from './network-rules.js';
import { PRODUCTION } from './settings.js';
import { newStack } from './stack.js';
import { synthesise } from './synth.js';
import { type Resource, resourcesOf, tagOf, textOf } from './template.js';
import { deploymentTopology } from './topology.js';

const USER_DATA_BYTES_MAX = 16_384;

interface Rule {
  readonly CidrIp?: string;
  readonly CidrIpv6?: string;
  readonly FromPort: number;
  readonly ToPort: number;
  readonly GroupId?: unknown;
  readonly SourceSecurityGroupId?: unknown;
}

describe('the AWS deployment', () => {
  const { template, lint, remove } = synthesise();
  after(remove);
  const assertions = Template.fromStack(newStack().stack);
  const of = (type: string): [string, Resource][] => resourcesOf(template, type);
  const groups = of('AWS::EC2::SecurityGroup');
  const hostOf = (reference: unknown): string => {
    const id = textOf(reference).replace(/[<>]/g, '').split('.')[0]!;
    const group = template.Resources[id]!;
    return (group.Properties['GroupDescription'] as string).replace('tollgate ', '');
  };
  const inline = (name: 'SecurityGroupIngress' | 'SecurityGroupEgress'): [string, Rule][] =>
    groups.flatMap(([id, group]) =>
      ((group.Properties[name] ?? []) as Rule[]).map((rule): [string, Rule] => [
        hostOf({ Ref: id }),
        rule,
      ]),
    );

  it('should be without findings of cfn-lint', () => {
    assert.equal(lint(), '');
  });

  it('should open 443 to the published ranges of Cloudflare, and nothing else to anybody outside', () => {
    const { ipv4, ipv6 } = cloudflareRanges();
    const open = inline('SecurityGroupIngress').filter(([, rule]) => rule.CidrIp ?? rule.CidrIpv6);
    assert.deepEqual(
      open
        .map(
          ([host, rule]) =>
            `${host} ${rule.FromPort}-${rule.ToPort} ${rule.CidrIp ?? rule.CidrIpv6}`,
        )
        .sort(),
      [...ipv4, ...ipv6].map((range) => `nlb 443-443 ${range}`).sort(),
    );
  });

  it('should let hosts talk to each other as the map of doors says, and no further', () => {
    const rules = of('AWS::EC2::SecurityGroupIngress').map(
      ([, resource]) => resource.Properties as unknown as Rule,
    );
    const within = inline('SecurityGroupIngress').filter(([, rule]) => rule.SourceSecurityGroupId);
    const pairs = [
      ...rules.map(
        (rule) => [hostOf(rule.SourceSecurityGroupId), hostOf(rule.GroupId), rule] as const,
      ),
      ...within.map(([host, rule]) => [hostOf(rule.SourceSecurityGroupId), host, rule] as const),
    ];
    assert.deepEqual(
      pairs.map(([from, to, key]) => `${from} > ${to} ${key.FromPort}-${key.ToPort}`).sort(),
      DOORS.map((door) => `${door.from} > ${door.to} ${door.port}-${door.port}`).sort(),
    );
  });

  it('should let only those call out who must, by HTTPS, and the data services not at all', () => {
    const out = inline('SecurityGroupEgress').filter(([, rule]) => rule.CidrIp === '0.0.0.0/0');
    assert.deepEqual(
      out.map(([host, rule]) => `${host} ${rule.FromPort}-${rule.ToPort}`).sort(),
      CALLS_OUT.map((host) => `${host} 443-443`).sort(),
    );
    assert.ok(!CALLS_OUT.includes('edge'));
    const s3 = of('AWS::EC2::SecurityGroupEgress').filter(
      ([, resource]) => resource.Properties['DestinationPrefixListId'] !== undefined,
    );
    assert.equal(s3.length, HOSTS.length);
  });

  it('should have endpoints within the VPC for what hosts ask AWS', () => {
    const services = of('AWS::EC2::VPCEndpoint').map(([, resource]) =>
      textOf(resource.Properties['ServiceName']).replace(/^com\.amazonaws\.<AWS::Region>\./, ''),
    );
    assert.deepEqual(services.sort(), [
      ...['aps-workspaces', 'ec2', 's3', 'secretsmanager', 'ssm', 'ssmmessages'],
    ]);
    for (const script of scripts()) assert.doesNotMatch(script, /apt-get|curl .*https:/);
  });

  it('should keep the addresses fixed and hand the real ones on by the PROXY protocol', () => {
    assertions.resourceCountIs('AWS::EC2::EIP', 3); // two of the balancer, one of the NAT
    const [, balancer] = of('AWS::ElasticLoadBalancingV2::LoadBalancer')[0]!;
    const mappings = balancer.Properties['SubnetMappings'] as { AllocationId: unknown }[];
    assert.equal(new Set(mappings.map((mapping) => textOf(mapping.AllocationId))).size, 2);
    assertions.hasResourceProperties('AWS::ElasticLoadBalancingV2::TargetGroup', {
      Protocol: 'TCP',
      TargetGroupAttributes: Match.arrayWith([
        { Key: 'proxy_protocol_v2.enabled', Value: 'true' },
        { Key: 'preserve_client_ip.enabled', Value: 'false' },
      ]),
    });
  });

  it('should give each shard one instance, and a volume that outlives it', () => {
    const volumes = of('AWS::EC2::Volume');
    assert.equal(volumes.length, PRODUCTION.shards.length);
    for (const shard of PRODUCTION.shards) {
      const host = `shard-${shard}`;
      const [id, volume] = volumes.find(
        ([, resource]) => tagOf(resource, 'tollgate:host') === host,
      )!;
      assert.equal(volume.DeletionPolicy, 'Retain');
      assert.equal(volume.Properties['VolumeType'], 'io2');
      assert.equal(volume.Properties['Encrypted'], true);
      const [, group] = of('AWS::AutoScaling::AutoScalingGroup').find(
        ([, resource]) => tagOf(resource, 'tollgate:host') === host,
      )!;
      const { MinSize, MaxSize, VPCZoneIdentifier, PlacementGroup } = group.Properties;
      assert.deepEqual([MinSize, MaxSize], ['1', '1']);
      assert.ok(PlacementGroup, 'not in the placement group');
      const update = group.UpdatePolicy as {
        AutoScalingRollingUpdate: { MinInstancesInService: number };
      };
      assert.equal(update.AutoScalingRollingUpdate.MinInstancesInService, 0);
      const [subnet] = VPCZoneIdentifier as [{ Ref: string }];
      const zone = template.Resources[subnet.Ref]!.Properties['AvailabilityZone'];
      assert.deepEqual(volume.Properties['AvailabilityZone'], zone);
      const script = scripts().find((text) => text.includes(`<${id}>`))!;
      assert.match(script, new RegExp(`mount /var/lib/tollgate/shard-${shard}\n`));
      assert.match(script, new RegExp(`Name: "shard-${shard}\\.tollgate\\.internal"`));
      assert.match(script, new RegExp(`install\\.sh shard ${shard}\n`));
    }
    const [, second] = of('AWS::AutoScaling::AutoScalingGroup').find(
      ([, resource]) => tagOf(resource, 'tollgate:host') === 'shard-1',
    )!;
    assert.ok(
      second.DependsOn?.some((depend) => depend.startsWith('shard0')),
      'shards roll together',
    );
  });

  it('should start hosts by scripts that bash can parse and that hold no secret', () => {
    assert.equal(scripts().length, 5);
    for (const script of scripts()) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(script, /PRIVATE KEY|password|whsec/i);
      assert.match(script, /sha256sum --check/);
      assert.ok(script.length < USER_DATA_BYTES_MAX, `${script.length} bytes`);
    }
  });

  it('should have an edge that believes Cloudflare alone, by its certificate and its ranges', () => {
    const [subnet] = of('AWS::EC2::Subnet').filter(([id]) => id.includes('publicSubnet1'));
    const edge = nginxFiles(deploymentTopology(PRODUCTION, ['10.64.0.0/26']))['edge.conf']!;
    const script = scripts().find((text) => text.includes('install.sh edge'))!;
    assert.ok(script.includes(`"proxyProtocolFrom":["${subnet![1].Properties['CidrBlock']}"`));
    assert.match(edge, /listen 0\.0\.0\.0:443 ssl http2 proxy_protocol/);
    assert.match(edge, /ssl_verify_client on;/);
    for (const range of cloudflareRanges().ipv4) assert.ok(edge.includes(`${range} 1;`), range);
    for (const shard of PRODUCTION.shards)
      assert.ok(edge.includes(`server shard-${shard}.tollgate.internal:9443`));
  });

  it('should demand metadata tokens and encrypt every disk', () => {
    for (const [, resource] of of('AWS::EC2::LaunchTemplate')) {
      const data = resource.Properties['LaunchTemplateData'] as {
        MetadataOptions: { HttpTokens: string };
        BlockDeviceMappings: { Ebs: { Encrypted: boolean } }[];
      };
      assert.equal(data.MetadataOptions.HttpTokens, 'required');
      assert.ok(data.BlockDeviceMappings.every((disk) => disk.Ebs.Encrypted));
    }
  });

  it('should allow roles what they need: no wildcard, a shard its own volume and name', () => {
    const statements = [...of('AWS::IAM::Policy'), ...of('AWS::IAM::ManagedPolicy')].flatMap(
      ([, resource]) =>
        (resource.Properties['PolicyDocument'] as { Statement: Record<string, unknown>[] })
          .Statement,
    );
    assert.ok(statements.length > 10);
    for (const statement of statements) {
      for (const action of [statement['Action']].flat() as string[])
        assert.doesNotMatch(action, /\*/);
      const isSession = [statement['Action']]
        .flat()
        .every((action) => /^ssmmessages:/.test(`${action}`));
      for (const resource of [statement['Resource']].flat())
        if (!isSession) assert.notEqual(resource, '*');
    }
    for (const [, resource] of of('AWS::IAM::Role'))
      assert.equal(resource.Properties['ManagedPolicyArns'], undefined, "AWS' policies allow more");
    const attach = statements.filter((statement) => statement['Action'] === 'ec2:AttachVolume');
    assert.deepEqual(
      attach.map((entry) => entry['Condition']),
      PRODUCTION.shards.map((n) => ({
        StringEquals: { 'ec2:ResourceTag/tollgate:host': `shard-${n}` },
      })),
    );
    const names = statements.filter(
      (statement) => statement['Action'] === 'route53:ChangeResourceRecordSets',
    );
    assert.equal(names.length, PRODUCTION.shards.length);
    assert.match(JSON.stringify(names[0]), /shard-0\.tollgate\.internal/);
  });

  it('should take certificates at Kafka and TLS at Postgres, each over two zones', () => {
    assertions.hasResourceProperties('AWS::MSK::Cluster', {
      ClientAuthentication: { Tls: { Enabled: true }, Unauthenticated: { Enabled: false } },
      EncryptionInfo: { EncryptionInTransit: { ClientBroker: 'TLS', InCluster: true } },
      BrokerNodeGroupInfo: { ClientSubnets: [Match.anyValue(), Match.anyValue()] },
    });
    const [, { Properties }] = of('AWS::MSK::Configuration')[0]!;
    const text = textOf(Properties['ServerProperties']);
    const properties = text.includes('=') ? text : Buffer.from(text, 'base64').toString();
    for (const name of [
      'min.insync.replicas=2',
      'default.replication.factor=3',
      'auto.create.topics.enable=false',
      'unclean.leader.election.enable=false',
    ])
      assert.ok(properties.split('\n').includes(name), name);
    assertions.hasResourceProperties('AWS::RDS::DBInstance', {
      MultiAZ: true,
      StorageEncrypted: true,
      PubliclyAccessible: false,
      DeletionProtection: true,
    });
    assertions.hasResourceProperties('AWS::RDS::DBParameterGroup', {
      Parameters: { 'rds.force_ssl': '1' },
    });
  });

  it('should give its processes what one deployment shares', () => {
    for (const script of scripts()) {
      assert.match(script, /TOLLGATE_REPLICATION=3' >>\/etc\/tollgate\/deployment\.env/);
      assert.match(script, /TOLLGATE_SHARDS=16'/);
    }
    assert.ok(PRODUCTION.shardsEver > Math.max(...PRODUCTION.shards));
    for (const unit of ['engine', 'processor', 'reconcile'])
      assert.match(
        readFileSync(packageFile(`ops/deploy/systemd/tollgate-${unit}@.service`), 'utf8'),
        /^EnvironmentFile=-\/etc\/tollgate\/deployment\.env$/m,
      );
  });

  it('should collect metrics, judge them by our rules, and tell people', () => {
    const [[, rules]] = of('AWS::APS::RuleGroupsNamespace') as [[string, Resource]];
    const text = readFileSync(packageFile('ops/deploy/prometheus/rules.yaml'), 'utf8');
    assert.equal(rules.Properties['Data'], text);
    const [[, workspace]] = of('AWS::APS::Workspace') as [[string, Resource]];
    const manager = textOf(workspace.Properties['AlertManagerDefinition']);
    const config = parse(parse(manager).alertmanager_config);
    assert.match(config.receivers[0].sns_configs[0].topic_arn, /^<pages/);
    const scraped = scripts().filter((script) => script.includes('remote_write'));
    assert.equal(scraped.length, PRODUCTION.shards.length + 1);
    for (const script of scraped) {
      const yaml = /metrics\.yaml <<YAML\n([\s\S]*?)\nYAML/.exec(script)![1]!;
      const [job] = parse(yaml).scrape_configs;
      assert.ok(text.includes(`up{job="${job.job_name}"}`), job.job_name);
    }
  });

  it('should say what the steps after it ask for', () => {
    const outputs = Object.keys((template as { Outputs?: object }).Outputs ?? {});
    const shards = PRODUCTION.shards.map((shard) => `SecretShard${shard}`);
    const secrets = ['SecretEdge', ...shards, 'SecretProcessor', 'SecretReconcile'];
    for (const secret of [...secrets, 'Address0', 'Address1', 'KafkaArn', 'PostgresAddress'])
      assert.ok(outputs.includes(secret), `${secret}: ${outputs}`);
  });

  it('should have a page in the runbook for every alarm, and somebody who is told', () => {
    const alarms = of('AWS::CloudWatch::Alarm');
    assert.ok(alarms.length >= 10);
    for (const [id, { Properties }] of alarms) {
      const page = Properties['AlarmDescription'] as string;
      assert.ok(existsSync(packageFile(page)), `${id} names ${page}`);
      assert.equal((Properties['AlarmActions'] as unknown[]).length, 1, id);
    }
    assertions.resourceCountIs('AWS::SNS::Subscription', 1);
  });

  function scripts(): string[] {
    return of('AWS::EC2::LaunchTemplate').map(([, resource]) =>
      textOf((resource.Properties['LaunchTemplateData'] as { UserData: unknown }).UserData),
    );
  }
});

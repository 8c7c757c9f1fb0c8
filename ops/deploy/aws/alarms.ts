/**
 * The alarms that page an operator. Each names its page in docs/runbook. A missing metric is an
 * alarm where one must always be reported.
 */
import { CfnParameter, Duration, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { DataServices } from './data-services.js';
import type { Edge } from './edge.js';
import type { Fleet } from './fleet.js';
import type { Shard } from './shard.js';

const GIB = 2 ** 30;

export interface AlarmsProps {
  readonly topic: Topic;
  readonly edge: Edge;
  readonly shards: readonly Shard[];
  readonly fleets: readonly Fleet[];
  readonly data: DataServices;
}

interface AlarmSpec {
  readonly page: string;
  readonly metric: Metric;
  readonly above?: number;
  readonly below?: number;
  readonly minutes: number;
  readonly missing?: TreatMissingData;
}

export class Alarms extends Construct {
  readonly #topic: Topic;

  constructor(scope: Construct, props: AlarmsProps) {
    super(scope, 'alarms');
    this.#topic = props.topic;
    const mail = new CfnParameter(Stack.of(this), 'AlarmEmail', {
      type: 'String',
      description: 'where alarms are sent',
      allowedPattern: '[^@ ]+@[^@ ]+',
    });
    this.#topic.addSubscription(new EmailSubscription(mail.valueAsString));
    this.#edge(props.edge);
    for (const fleet of [...props.fleets, ...props.shards.map((shard) => shard.fleet)])
      this.#host(fleet);
    for (const shard of props.shards) this.#volume(shard);
    this.#kafka(props.data);
    this.#postgres(props.data);
  }

  #edge(edge: Edge): void {
    const metric = metricOf('AWS/NetworkELB', 'UnHealthyHostCount', {
      LoadBalancer: edge.balancer.attrLoadBalancerFullName,
      TargetGroup: edge.targets.attrTargetGroupFullName,
    });
    this.#add('edge-down', { page: 'edge-down', metric, above: 0, minutes: 2 });
  }

  #host(fleet: Fleet): void {
    const dimensions = { AutoScalingGroupName: fleet.group.ref };
    const metric = metricOf('AWS/AutoScaling', 'GroupInServiceInstances', dimensions, 'Minimum');
    this.#add(`${fleet.node.id}-missing`, {
      page: 'host-missing',
      metric,
      below: Number(fleet.group.desiredCapacity),
      minutes: 3,
      missing: TreatMissingData.BREACHING,
    });
  }

  #volume(shard: Shard): void {
    const dimensions = { VolumeId: shard.volume.volumeId };
    const metric = metricOf('AWS/EBS', 'VolumeStalledIOCheck', dimensions);
    this.#add(`${shard.node.id}-volume`, { page: 'volume-stalled', metric, above: 0, minutes: 1 });
  }

  #kafka(data: DataServices): void {
    const dimensions = { 'Cluster Name': data.kafkaName };
    const of = (name: string): Metric => metricOf('AWS/Kafka', name, dimensions);
    const lag = metricOf('AWS/Kafka', 'EstimatedMaxTimeLag', {
      ...dimensions,
      'Consumer Group': 'tollgate-processors',
      Topic: 'payments.accepted',
    });
    this.#add('kafka-offline', {
      page: 'kafka-away',
      metric: of('OfflinePartitionsCount'),
      above: 0,
      minutes: 1,
    });
    this.#add('kafka-controller', {
      page: 'kafka-away',
      metric: of('ActiveControllerCount'),
      below: 1,
      minutes: 3,
    });
    this.#add('processors-behind', {
      page: 'processors-behind',
      metric: lag,
      above: 60,
      minutes: 3,
    });
  }

  #postgres(data: DataServices): void {
    const free = data.postgres.metricFreeStorageSpace({ period: Duration.minutes(1) });
    this.#add('postgres-disk', {
      page: 'postgres-disk',
      metric: free,
      below: 10 * GIB,
      minutes: 5,
    });
    const busy = data.postgres.metricCPUUtilization({ period: Duration.minutes(1) });
    this.#add('postgres-busy', { page: 'postgres-away', metric: busy, above: 85, minutes: 10 });
  }

  #add(name: string, spec: AlarmSpec): void {
    const isBelow = spec.below !== undefined;
    const alarm = new Alarm(this, name, {
      alarmDescription: `docs/runbook/${spec.page}.md`,
      metric: spec.metric,
      threshold: isBelow ? spec.below : spec.above!,
      comparisonOperator: isBelow
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: spec.minutes,
      treatMissingData: spec.missing ?? TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.#topic));
    alarm.addOkAction(new SnsAction(this.#topic));
  }
}

function metricOf(
  namespace: string,
  metricName: string,
  dimensionsMap: Record<string, string>,
  statistic = 'Maximum',
): Metric {
  return new Metric({
    namespace,
    metricName,
    dimensionsMap,
    statistic,
    period: Duration.minutes(1),
  });
}

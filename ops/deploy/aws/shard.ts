/**
 * One shard: a fleet of exactly one, and a volume that outlives it. The replacement attaches
 * the same volume and takes over the same name. The role may do that for its own volume, its
 * own instances and its own name only.
 */
import { RemovalPolicy, Size, Stack, Tags } from 'aws-cdk-lib';
import { EbsDeviceVolumeType, type SecurityGroup, Volume } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { shardName, type Topology } from '../topology/topology.js';
import { Fleet } from './fleet.js';
import type { Metrics } from './metrics.js';
import type { Network } from './network.js';
import type { Release } from './release.js';
import type { DeploymentSettings } from './settings.js';
import { attachVolume, takeName } from './user-data.js';

export interface ShardProps {
  readonly shard: number;
  readonly settings: DeploymentSettings;
  readonly network: Network;
  readonly release: Release;
  readonly metrics: Metrics;
  readonly topology: Topology;
  readonly securityGroup: SecurityGroup;
}

export class Shard extends Construct {
  readonly fleet: Fleet;
  readonly volume: Volume;

  constructor(scope: Construct, props: ShardProps) {
    const id = `shard-${props.shard}`;
    super(scope, id);
    const { settings, network, shard } = props;
    this.volume = new Volume(this, 'volume', {
      availabilityZone: network.home.availabilityZone,
      size: Size.gibibytes(settings.volumeGib),
      volumeType: EbsDeviceVolumeType.IO2,
      iops: settings.volumeIops,
      encrypted: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Tags.of(this.volume).add('tollgate:host', id);
    this.fleet = new Fleet(this, id, {
      ...props,
      role: 'shard',
      number: shard,
      instance: settings.shardInstance,
      count: 1,
      isClose: true,
      steps: [
        ...attachVolume(this.volume.volumeId, shard),
        ...takeName(network.zone.hostedZoneId, shardName(shard)),
      ],
    });
    this.#allowVolume(id);
    this.#allowName(network, shard);
  }

  #allowVolume(id: string): void {
    const stack = Stack.of(this);
    const instances = stack.formatArn({ service: 'ec2', resource: 'instance', resourceName: '*' });
    const volume = stack.formatArn({
      service: 'ec2',
      resource: 'volume',
      resourceName: this.volume.volumeId,
    });
    // Volume and instance carry the same tag: no other shard's can be named.
    this.fleet.role.addToPolicy(
      new PolicyStatement({
        actions: ['ec2:AttachVolume'],
        resources: [volume, instances],
        conditions: { StringEquals: { 'ec2:ResourceTag/tollgate:host': id } },
      }),
    );
  }

  #allowName(network: Network, shard: number): void {
    this.fleet.role.addToPolicy(
      new PolicyStatement({
        actions: ['route53:ChangeResourceRecordSets'],
        resources: [network.zone.hostedZoneArn],
        conditions: {
          'ForAllValues:StringEquals': {
            'route53:ChangeResourceRecordSetsNormalizedRecordNames': [shardName(shard)],
            'route53:ChangeResourceRecordSetsRecordTypes': ['A'],
            'route53:ChangeResourceRecordSetsActions': ['UPSERT'],
          },
        },
      }),
    );
  }
}

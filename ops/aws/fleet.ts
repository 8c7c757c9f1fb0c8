/**
 * A fleet of like hosts in the home zone, replaced when one is lost. Every host: Debian 12,
 * metadata service v2 only, encrypted disks, no SSH (Session Manager), a role of its own that
 * may read its release and its own secret and nothing else until more is granted.
 */
import { Tags } from 'aws-cdk-lib';
import { CfnAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  InstanceType,
  LaunchTemplate,
  MachineImage,
  OperatingSystemType,
  type SecurityGroup,
  UserData,
} from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Topology } from '../topology/topology.js';
import type { Network } from './network.js';
import type { Release } from './release.js';
import { hostScript } from './user-data.js';

const DEBIAN_12 = '/aws/service/debian/release/12/latest/amd64';

const ROOT = BlockDeviceVolume.ebs(20, { volumeType: EbsDeviceVolumeType.GP3, encrypted: true });

export interface FleetProps {
  readonly role: 'edge' | 'shard' | 'processor' | 'reconcile';
  /** The shard's number; the place of a host that comes once only. */
  readonly number?: number;
  readonly network: Network;
  readonly release: Release;
  /** Where an nginx runs. */
  readonly topology?: Topology;
  readonly securityGroup: SecurityGroup;
  readonly instance: string;
  readonly count: number;
  /** Next to the others: network latency is part of every payment's. */
  readonly isClose: boolean;
  readonly steps?: readonly string[];
  readonly targetGroupArns?: readonly string[];
}

export class Fleet extends Construct {
  readonly role: Role;
  readonly group: CfnAutoScalingGroup;

  constructor(scope: Construct, id: string, props: FleetProps) {
    super(scope, id);
    const { network, release, role } = props;
    this.role = new Role(this, 'role', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('AmazonSSMManagedInstanceCore')],
    });
    release.allowRead(this.role);
    const secret = new Secret(this, 'secret', {
      description: `certificate, key and environment of tollgate ${id}, filled by its operator`,
    });
    secret.grantRead(this.role);
    const tags = { 'tollgate:role': role, 'tollgate:host': id };
    const userData = UserData.custom(hostScript({ ...props, secretArn: secret.secretArn }));
    const template = new LaunchTemplate(this, 'template', {
      machineImage: MachineImage.fromSsmParameter(DEBIAN_12, { os: OperatingSystemType.LINUX }),
      instanceType: new InstanceType(props.instance),
      role: this.role,
      securityGroup: props.securityGroup,
      userData,
      requireImdsv2: true,
      httpPutResponseHopLimit: 1,
      detailedMonitoring: true,
      blockDevices: [{ deviceName: '/dev/xvda', volume: ROOT }],
    });
    for (const [key, value] of Object.entries(tags)) Tags.of(this).add(key, value);
    this.group = new CfnAutoScalingGroup(this, 'group', {
      minSize: `${props.count}`,
      maxSize: `${props.count}`,
      desiredCapacity: `${props.count}`,
      vpcZoneIdentifier: [network.home.subnetId],
      launchTemplate: {
        launchTemplateId: template.launchTemplateId!,
        version: template.latestVersionNumber,
      },
      ...(props.isClose ? { placementGroup: network.placementGroup.ref } : {}),
      ...(props.targetGroupArns ? { targetGroupArns: [...props.targetGroupArns] } : {}),
      healthCheckType: 'EC2',
      healthCheckGracePeriod: 300,
      metricsCollection: [{ granularity: '1Minute', metrics: ['GroupInServiceInstances'] }],
      tags: Object.entries(tags).map(([key, value]) => ({ key, value, propagateAtLaunch: true })),
    });
    // One host at a time, and the old one goes first: a volume has one owner.
    this.group.cfnOptions.updatePolicy = {
      autoScalingRollingUpdate: {
        maxBatchSize: 1,
        minInstancesInService: props.count - 1,
        pauseTime: 'PT2M',
      },
    };
  }
}

/**
 * A fleet of like hosts in the home zone, replaced when one is lost. Every host: Debian 12
 * with its packages (image.sh),
 * metadata service v2 only, encrypted disks, no SSH (Session Manager), a role of its own that
 * may read its release and its own secret and nothing else until more is granted.
 */
import { Stack, Tags } from 'aws-cdk-lib';
import { CfnAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  type IMachineImage,
  InstanceType,
  LaunchTemplate,
  OperatingSystemType,
  type SecurityGroup,
  UserData,
} from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import type { Topology } from '../topology/topology.js';
import { KAFKA_REPLICATION } from './data-services.js';
import type { Metrics } from './metrics.js';
import type { Network } from './network.js';
import type { Release } from './release.js';
import type { DeploymentSettings } from './settings.js';
import { hostScript } from './user-data.js';

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
  readonly settings: DeploymentSettings;
  readonly metrics: Metrics;
  readonly targetGroupArns?: readonly string[];
}

export class Fleet extends Construct {
  readonly role: Role;
  readonly group: CfnAutoScalingGroup;
  /** Filled by an operator. */
  readonly secret: Secret;

  constructor(scope: Construct, id: string, props: FleetProps) {
    super(scope, id);
    const { network, release, role } = props;
    this.role = new Role(this, 'role', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
    });
    allowSessions(this.role);
    const agent = props.metrics.agent(role, id);
    if (agent.length > 0) props.metrics.allowWrite(this.role);
    release.allowRead(this.role);
    this.secret = new Secret(this, 'secret', {
      description: `certificate, key and environment of tollgate ${id}, filled by its operator`,
    });
    this.secret.grantRead(this.role);
    const tags = { 'tollgate:role': role, 'tollgate:host': id };
    const userData = UserData.custom(
      hostScript({
        ...props,
        secretArn: this.secret.secretArn,
        agent,
        environment: {
          TOLLGATE_SHARDS: `${props.settings.shardsEver}`,
          TOLLGATE_REPLICATION: `${KAFKA_REPLICATION}`,
        },
      }),
    );
    const template = new LaunchTemplate(this, 'template', {
      machineImage: imageOf(release),
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

function imageOf(release: Release): IMachineImage {
  const userData = UserData.forLinux();
  return {
    getImage: () => ({ imageId: release.image, osType: OperatingSystemType.LINUX, userData }),
  };
}

/**
 * What Session Manager needs of a host. AWS' own policy (AmazonSSMManagedInstanceCore) would also
 * let it read every parameter of the account.
 */
function allowSessions(role: Role): void {
  const channels = ['CreateControlChannel', 'CreateDataChannel', 'OpenControlChannel'];
  role.addToPolicy(
    new PolicyStatement({
      actions: [...channels, 'OpenDataChannel'].map((channel) => `ssmmessages:${channel}`),
      // These actions know no resources.
      resources: ['*'],
    }),
  );
  const instances = { service: 'ec2', resource: 'instance', resourceName: '*' };
  role.addToPolicy(
    new PolicyStatement({
      actions: ['ssm:UpdateInstanceInformation'],
      resources: [Stack.of(role).formatArn(instances)],
    }),
  );
}

/**
 * The network: hosts in one zone, close together; a second zone for what stands by. Hosts have
 * no public address; the data services have no way to or from the internet at all.
 */
import {
  CfnPlacementGroup,
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type ISubnet,
  type IVpc,
  type SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { PrivateHostedZone } from 'aws-cdk-lib/aws-route53';
import { Construct } from 'constructs';
import { INNER_DOMAIN } from '../topology/topology.js';

/** What hosts ask AWS for: sessions of operators, secrets, volumes, metrics, their own state. */
const ENDPOINTS = {
  ssm: InterfaceVpcEndpointAwsService.SSM,
  sessions: InterfaceVpcEndpointAwsService.SSM_MESSAGES,
  secrets: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
  ec2: InterfaceVpcEndpointAwsService.EC2,
  metrics: InterfaceVpcEndpointAwsService.PROMETHEUS_WORKSPACES,
};

export class Network extends Construct {
  readonly vpc: IVpc;
  readonly zone: PrivateHostedZone;
  /** Where the hosts live. */
  readonly home: ISubnet;
  readonly placementGroup: CfnPlacementGroup;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const vpc: unknown = new Vpc(this, 'vpc', {
      ipAddresses: IpAddresses.cidr('10.64.0.0/16'),
      maxAzs: 2,
      natGateways: 1,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 26, mapPublicIpOnLaunch: false },
        { name: 'hosts', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 22 },
        { name: 'data', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
      gatewayEndpoints: { s3: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    // The library's own types miss `undefined` where ours are exact.
    this.vpc = vpc as IVpc;
    const logGroup = new LogGroup(this, 'flows', { retention: RetentionDays.ONE_YEAR });
    this.vpc.addFlowLog('rejected', {
      destination: FlowLogDestination.toCloudWatchLogs(logGroup),
      trafficType: FlowLogTrafficType.REJECT,
    });
    this.zone = new PrivateHostedZone(this, 'names', { zoneName: INNER_DOMAIN, vpc: this.vpc });
    this.home = this.vpc.privateSubnets[0]!;
    this.placementGroup = new CfnPlacementGroup(this, 'together', { strategy: 'cluster' });
  }

  addEndpoints(group: SecurityGroup): void {
    for (const [name, service] of Object.entries(ENDPOINTS))
      this.vpc.addInterfaceEndpoint(name, {
        service,
        securityGroups: [group],
        subnets: { subnets: [this.home] },
        open: false,
      });
  }
}

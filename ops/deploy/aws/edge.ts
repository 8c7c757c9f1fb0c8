/**
 * The way in: fixed addresses (what Cloudflare's records point to), a network load balancer
 * that only passes bytes on, nginx behind it. The PROXY protocol carries the address that
 * connected, so that nginx can tell Cloudflare from others and read the payer's address.
 */
import { CfnEIP, type SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import {
  CfnListener,
  CfnLoadBalancer,
  CfnTargetGroup,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { Construct } from 'constructs';
import type { Topology } from '../topology/topology.js';
import { Fleet } from './fleet.js';
import type { Metrics } from './metrics.js';
import type { Network } from './network.js';
import { HTTPS_PORT } from './network-rules.js';
import type { Release } from './release.js';
import type { DeploymentSettings } from './settings.js';

export interface EdgeProps {
  readonly settings: DeploymentSettings;
  readonly network: Network;
  readonly release: Release;
  readonly metrics: Metrics;
  readonly topology: Topology;
  readonly outside: SecurityGroup;
  readonly securityGroup: SecurityGroup;
}

export class Edge extends Construct {
  readonly fleet: Fleet;
  readonly balancer: CfnLoadBalancer;
  readonly targets: CfnTargetGroup;
  readonly addresses: readonly CfnEIP[];

  constructor(scope: Construct, props: EdgeProps) {
    super(scope, 'edge');
    const { network, settings } = props;
    const subnets = network.vpc.publicSubnets;
    this.addresses = subnets.map((_, i) => new CfnEIP(this, `address-${i}`, { domain: 'vpc' }));
    this.balancer = new CfnLoadBalancer(this, 'balancer', {
      type: 'network',
      scheme: 'internet-facing',
      securityGroups: [props.outside.securityGroupId],
      subnetMappings: subnets.map((subnet, i) => ({
        subnetId: subnet.subnetId,
        allocationId: this.addresses[i]!.attrAllocationId,
      })),
      loadBalancerAttributes: [
        // nginx lives in the home zone; both addresses lead there.
        { key: 'load_balancing.cross_zone.enabled', value: 'true' },
        { key: 'deletion_protection.enabled', value: 'true' },
      ],
    });
    this.targets = new CfnTargetGroup(this, 'targets', {
      vpcId: network.vpc.vpcId,
      protocol: 'TCP',
      port: HTTPS_PORT,
      targetType: 'instance',
      healthCheckProtocol: 'TCP',
      healthCheckIntervalSeconds: 10,
      healthyThresholdCount: 2,
      unhealthyThresholdCount: 2,
      targetGroupAttributes: [
        { key: 'proxy_protocol_v2.enabled', value: 'true' },
        // Else the edge would see Cloudflare's address twice, and its firewall could not name the balancer.
        { key: 'preserve_client_ip.enabled', value: 'false' },
        { key: 'deregistration_delay.timeout_seconds', value: '30' },
      ],
    });
    const listener = new CfnListener(this, 'https', {
      loadBalancerArn: this.balancer.ref,
      protocol: 'TCP',
      port: HTTPS_PORT,
      defaultActions: [{ type: 'forward', targetGroupArn: this.targets.ref }],
    });
    this.fleet = new Fleet(this, 'edge', {
      ...props,
      role: 'edge',
      instance: settings.edgeInstance,
      count: settings.edges,
      isClose: true,
      targetGroupArns: [this.targets.ref],
    });
    this.fleet.group.addResourceDependency(listener);
  }
}

/** One deployment in one stack. It needs no account, no credentials and no bootstrap to be made. */
import {
  App,
  BootstraplessSynthesizer,
  CfnOutput,
  type IStackSynthesizer,
  Stack,
} from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Alarms } from './alarms.js';
import { DataServices } from './data-services.js';
import { Edge } from './edge.js';
import { Firewall } from './firewall.js';
import { Fleet } from './fleet.js';
import { Metrics } from './metrics.js';
import { Network } from './network.js';
import { Release } from './release.js';
import { type DeploymentSettings, PRODUCTION } from './settings.js';
import { Shard } from './shard.js';
import { deploymentTopology } from './topology.js';

export class TollgateStack extends Stack {
  constructor(app: App, settings: DeploymentSettings = PRODUCTION) {
    super(app, 'tollgate', {
      synthesizer: new BootstraplessSynthesizer() as IStackSynthesizer,
      description: 'tollgate: edge, shards, processors, Kafka, Postgres',
    });
    const network = new Network(this, 'network');
    const firewall = new Firewall(this, 'firewall', network.vpc);
    network.addEndpoints(firewall.group('endpoints'));
    const balancers = network.vpc.publicSubnets.map((subnet) => subnet.ipv4CidrBlock);
    const topology = deploymentTopology(settings, balancers);
    const topic = new Topic(this, 'pages', { enforceSSL: true });
    const metrics = new Metrics(this, topic);
    const common = { settings, network, metrics, release: new Release(this) };
    const edge = new Edge(this, {
      ...common,
      topology,
      outside: firewall.group('nlb'),
      securityGroup: firewall.group('edge'),
    });
    const shards = settings.shards.map(
      (shard) =>
        new Shard(this, { ...common, topology, shard, securityGroup: firewall.group('shard') }),
    );
    // A new release reaches one shard after the other.
    for (const [i, shard] of shards.entries())
      if (i > 0) shard.fleet.group.addResourceDependency(shards[i - 1]!.fleet.group);
    const processors = new Fleet(this, 'processor', {
      ...common,
      role: 'processor',
      securityGroup: firewall.group('processor'),
      instance: settings.processorInstance,
      count: settings.processors,
      isClose: true,
    });
    const reconcile = new Fleet(this, 'reconcile', {
      ...common,
      role: 'reconcile',
      securityGroup: firewall.group('reconcile'),
      instance: settings.reconcileInstance,
      count: 1,
      isClose: false,
    });
    const data = new DataServices(this, {
      settings,
      vpc: network.vpc,
      kafkaGroup: firewall.group('kafka'),
      postgresGroup: firewall.group('postgres'),
    });
    new Alarms(this, { topic, edge, shards, fleets: [edge.fleet, processors, reconcile], data });
    this.#outputs(
      edge,
      [edge.fleet, ...shards.map((shard) => shard.fleet), processors, reconcile],
      data,
    );
  }

  /** What the steps after the first deployment ask for: see README.md. */
  #outputs(edge: Edge, fleets: readonly Fleet[], data: DataServices): void {
    const output = (name: string, value: string, description: string): CfnOutput =>
      new CfnOutput(this, name, { value, description });
    for (const [i, address] of edge.addresses.entries())
      output(`Address${i}`, address.ref, 'for ops/deploy/dns');
    for (const fleet of fleets)
      output(
        `Secret${fleet.node.id.replace(/(?:^|-)(\w)/g, (_, letter) => letter.toUpperCase())}`,
        fleet.secret.secretArn,
        `files of ${fleet.node.id}: fill it`,
      );
    output('KafkaArn', data.kafka.attrArn, 'for aws kafka get-bootstrap-brokers');
    output('PostgresAddress', data.postgres.dbInstanceEndpointAddress, 'port 5432');
    output('PostgresSecret', data.postgres.secret!.secretArn, 'user and password of the owner');
  }
}

export function newStack(outdir?: string): { app: App; stack: TollgateStack } {
  const app = new App({
    analyticsReporting: false,
    treeMetadata: false,
    ...(outdir ? { outdir } : {}),
  });
  return { app, stack: new TollgateStack(app) };
}

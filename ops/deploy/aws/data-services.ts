/**
 * Kafka and Postgres as AWS runs them, each over both zones. Kafka knows its clients by
 * certificate; Postgres on RDS has no client certificates, so it takes TLS with a password.
 */
import { CfnParameter, Duration, Fn, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import { InstanceType, type IVpc, type SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnCluster, CfnConfiguration } from 'aws-cdk-lib/aws-msk';
import {
  Credentials,
  DatabaseInstance,
  DatabaseInstanceEngine,
  ParameterGroup,
  PostgresEngineVersion,
  StorageType,
} from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import type { DeploymentSettings } from './settings.js';

const KAFKA_VERSION = '3.9.x.kraft';
export const KAFKA_REPLICATION = 3;

export interface DataServicesProps {
  readonly settings: DeploymentSettings;
  readonly vpc: IVpc;
  readonly kafkaGroup: SecurityGroup;
  readonly postgresGroup: SecurityGroup;
}

export class DataServices extends Construct {
  readonly kafka: CfnCluster;
  readonly kafkaName = 'tollgate';
  readonly postgres: DatabaseInstance;

  constructor(scope: Construct, props: DataServicesProps) {
    super(scope, 'data');
    this.kafka = this.#kafka(props);
    this.postgres = this.#postgres(props);
  }

  #kafka({ settings, vpc, kafkaGroup }: DataServicesProps): CfnCluster {
    const authority = new CfnParameter(Stack.of(this), 'CertificateAuthorityArn', {
      type: 'String',
      description:
        'private authority (ACM PCA) that signs the certificates of shards and processors',
      allowedPattern: 'arn:aws[a-z-]*:acm-pca:.+',
    });
    const beforeAcls = new CfnParameter(Stack.of(this), 'KafkaBeforeAcls', {
      type: 'String',
      description: 'true for the first deployment, until write-acls has run; then false',
      allowedValues: ['true', 'false'],
    });
    const configuration = new CfnConfiguration(this, 'topics', {
      name: 'tollgate',
      serverProperties: Fn.join('\n', [
        ...KAFKA_PROPERTIES,
        Fn.join('=', ['allow.everyone.if.no.acl.found', beforeAcls.valueAsString]),
      ]),
    });
    const logs = new LogGroup(this, 'broker-logs', { retention: RetentionDays.ONE_MONTH });
    return new CfnCluster(this, 'kafka', {
      clusterName: this.kafkaName,
      kafkaVersion: KAFKA_VERSION,
      numberOfBrokerNodes: settings.kafkaBrokers,
      brokerNodeGroupInfo: {
        instanceType: settings.kafkaInstance,
        clientSubnets: vpc.selectSubnets({ subnetType: SubnetType.PRIVATE_ISOLATED }).subnetIds,
        securityGroups: [kafkaGroup.securityGroupId],
        storageInfo: { ebsStorageInfo: { volumeSize: settings.kafkaGib } },
      },
      clientAuthentication: {
        tls: { enabled: true, certificateAuthorityArnList: [authority.valueAsString] },
        unauthenticated: { enabled: false },
      },
      encryptionInfo: { encryptionInTransit: { clientBroker: 'TLS', inCluster: true } },
      configurationInfo: {
        arn: configuration.attrArn,
        revision: Token.asNumber(configuration.getAtt('LatestRevision.Revision')),
      },
      enhancedMonitoring: 'PER_TOPIC_PER_BROKER',
      loggingInfo: {
        brokerLogs: { cloudWatchLogs: { enabled: true, logGroup: logs.logGroupName } },
      },
    });
  }

  #postgres({ settings, vpc, postgresGroup }: DataServicesProps): DatabaseInstance {
    const engine = DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.VER_18_3 });
    return new DatabaseInstance(this, 'postgres', {
      engine,
      parameterGroup: new ParameterGroup(this, 'parameters', {
        engine,
        parameters: { 'rds.force_ssl': '1', synchronous_commit: 'on' },
      }),
      databaseName: 'tollgate',
      credentials: Credentials.fromGeneratedSecret('tollgate'),
      instanceType: new InstanceType(settings.databaseInstance),
      multiAz: true,
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [postgresGroup],
      storageType: StorageType.GP3,
      allocatedStorage: settings.databaseGib,
      maxAllocatedStorage: settings.databaseGib * 5,
      storageEncrypted: true,
      backupRetention: Duration.days(14),
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      publiclyAccessible: false,
      autoMinorVersionUpgrade: true,
      cloudwatchLogsExports: ['postgresql'],
    });
  }
}

/** Topics are made by our processes only; a record counts once two replicas have it. */
const KAFKA_PROPERTIES = [
  'auto.create.topics.enable=false',
  `default.replication.factor=${KAFKA_REPLICATION}`,
  'min.insync.replicas=2',
  'unclean.leader.election.enable=false',
];

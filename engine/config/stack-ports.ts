/** The ports that a system on one machine listens on, and whether two of them are the same. */
import type { clusterTable } from './settings/cluster.js';
import type { stackTable } from './settings/stack.js';
import type { SettingsOf } from './settings.js';

type StackConfig = SettingsOf<typeof stackTable>;
type ClusterConfig = SettingsOf<typeof clusterTable>;

/** Ports that are listened on, under the variable that moves each. */
export type PortsByVariable = Readonly<Record<string, readonly number[]>>;

/** Of the whole system of one engine and one processor. */
export function stackPorts(settings: StackConfig): PortsByVariable {
  return {
    TOLLGATE_API_PORT: [settings.apiPort],
    TOLLGATE_ADMIN_PORT: [settings.adminPort],
    TOLLGATE_PROCESSOR_ADMIN_PORT: [settings.processorAdminPort],
    TOLLGATE_SIMULATOR_PORT: [settings.simulatorPort],
    ...serverPorts(settings),
  };
}

/** Of the cluster, but for its shards' own addresses. */
export function clusterPorts(settings: ClusterConfig): PortsByVariable {
  return {
    TOLLGATE_ADMIN_PORTS: settings.adminPorts,
    TOLLGATE_PROCESSOR_ADMIN_PORTS: settings.processorAdminPorts,
    TOLLGATE_SIMULATOR_PORT: [settings.simulatorPort],
    TOLLGATE_EDGE_PORT: [settings.edgePort],
    ...serverPorts(settings),
  };
}

/** Of Kafka and Postgres, where they are started here. */
function serverPorts(
  pick: Pick<
    StackConfig,
    'externalKafka' | 'externalDatabase' | 'kafkaPort' | 'kafkaControllerPort' | 'postgresPort'
  >,
): PortsByVariable {
  return {
    ...(pick.externalKafka
      ? {}
      : {
          TOLLGATE_KAFKA_PORT: [pick.kafkaPort],
          TOLLGATE_KAFKA_CONTROLLER_PORT: [pick.kafkaControllerPort],
        }),
    ...(pick.externalDatabase ? {} : { TOLLGATE_POSTGRES_PORT: [pick.postgresPort] }),
  };
}

/** @returns what is wrong with them: a port that is named twice */
export function samePorts(byVariable: PortsByVariable): string[] {
  const users = new Map<number, string[]>();
  for (const [variable, numbers] of Object.entries(byVariable))
    for (const number of numbers) users.set(number, [...(users.get(number) ?? []), variable]);
  return [...users]
    .filter(([, variables]) => variables.length > 1)
    .map(([number, [first, ...others]]) =>
      others.every((other) => other === first)
        ? `${first} names port ${number} twice`
        : `${first} and ${[...new Set(others)].join(' and ')} are both ${number}`,
    );
}

/** The folders and files of the cluster under the home folder. */
import { join } from 'node:path';

export interface ClusterPlaces {
  readonly data: string;
  readonly pki: string;
  readonly nginx: string;
  readonly topology: string;
}

export function clusterPlaces(home: string): ClusterPlaces {
  const data = join(home, 'cluster');
  return {
    data,
    pki: join(home, 'pki'),
    nginx: join(data, 'nginx'),
    topology: join(data, 'topology.json'),
  };
}

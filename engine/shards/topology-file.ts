/** The topology as stored on this volume. It moves with the volume to another host. */
import { join } from 'node:path';
import { DurableFile } from '../util/durable-file.js';
import { parseTopology, type Topology } from './topology.js';

export function topologyFile(dataDir: string): DurableFile<Topology> {
  return new DurableFile(join(dataDir, 'topology.json'), (value): value is Topology => {
    try {
      return parseTopology(value) === value;
    } catch {
      return false;
    }
  });
}

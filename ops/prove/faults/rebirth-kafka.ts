/** Kafka's data is lost between two starts of all that uses it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from '../../testing/proof.js';
import type { LocalSystem } from '../../testing/system.js';
import { acceptAll, untilAllSucceeded } from './rebirth-case.js';

export async function kafkaDataLost(
  stage: Stage,
  system: LocalSystem,
  accepted: string[],
): Promise<void> {
  const count = stage.size(20, 500);
  const before = await acceptAll(system, 'before-loss', count);
  await system.kafka!.stop('SIGKILL', 1_000);
  // Durable in the engine only, or with an outcome that it has not heard of.
  const between = await acceptAll(system, 'between', count);
  rmSync(join(system.home, 'data', 'own-kafka'), { recursive: true });
  for (const name of ['engine', 'processor'] as const) system.signal(name, 'SIGKILL');
  await system.startKafkaAgain();
  const after = await acceptAll(system, 'after-loss', count);
  const ids = [before, between, after].flatMap((answers) => [...answers.keys()]);
  accepted.push(...ids);
  const seconds = await untilAllSucceeded(system, ids, 'Kafka lost its data');
  stage.figure('Kafka’s data lost', `${ids.length} succeeded, the last ${seconds} s later`);
}

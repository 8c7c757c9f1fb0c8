/**
 * What was absent, made anew or put back older: topics, Kafka's data, a shard's volume. Each
 * case is a function in a file of its own, on one running system.
 */

import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';
import { auditOutcomesOf } from './rebirth-case.js';
import { kafkaDataLost } from './rebirth-kafka.js';
import { sweeperFactor } from './rebirth-sweeps.js';
import { topicsMadeAnew } from './rebirth-topics.js';
import { emptiedVolume, oldVolume } from './rebirth-volumes.js';

/** 10 min and 2 h of a real system, divided by 300. */
const SWEEP_AFTER_MS = 2_000;

export const rebirth: Proof = {
  name: 'rebirth',
  shows:
    'topics, Kafka’s data and volumes that were lost, made anew or put back older are noticed; nothing stays pending, nothing is charged twice',
  async run(stage: Stage) {
    const settings = {
      TOLLGATE_SWEEP_AFTER_MS: `${SWEEP_AFTER_MS}`,
      TOLLGATE_TOPIC_LOOK_MS: '500',
    };
    const system = await LocalSystem.start({ ownServers: true, settings });
    const accepted: string[] = [];
    try {
      if (!stage.isShort) {
        await sweeperFactor(stage, system, accepted);
        await topicsMadeAnew(stage, system, accepted);
      }
      await kafkaDataLost(stage, system, accepted);
      await oldVolume(stage, system, accepted);
      if (!stage.isShort) await emptiedVolume(stage, system, accepted);
      await auditOutcomesOf(stage, system, accepted);
    } finally {
      await system.stop();
    }
  },
};

/** Accepting through the cluster's edge (nginx, TLS, mTLS, two shards), beside the same nginx answering by itself. */
import { ClusterSystem } from '../../ops/testing/cluster-system.js';
import type { Stage, Suite } from '../harness/suite.js';
import { load } from '../load/run.js';

const RATES = [1_000, 5_000];
const JUDGED_RATE = 1_000;
const P99_MS_MAX = 3;
const NGINX_TARGET = 1 / 3;
/** Each has a key and no checksum secret; two, as a key may send 5 000/s. */
const MERCHANTS = ['alpha', 'beta'];

export const edge: Suite = {
  name: 'edge',
  measures: 'accept p99 through nginx with TLS and mTLS to two shards, beside nginx alone',
  async run(stage: Stage) {
    const cluster = await ClusterSystem.start();
    const { api, ca, keys } = cluster.endpoints;
    const key = MERCHANTS.map((merchant) => keys[merchant]).join(',');
    try {
      for (const rate of RATES) {
        const given = {
          url: api,
          rate,
          duration: stage.size(3, 4),
          'warm-up': stage.size(1, 2),
          ca,
          key,
        };
        const rounds = stage.size(1, 3);
        const samples = await stage.inTurns(
          async () => stage.latency(`through the edge at ${rate}/s`, (await load(given))[0]!).p99,
          async () => {
            const alone = { ...given, path: '/nothing-here', expect: 404 };
            return stage.latency(`nginx alone at ${rate}/s`, (await load(alone))[0]!).p99;
          },
          rounds,
        );
        const isJudged = rate === JUDGED_RATE;
        stage.row({
          name: `p99 through the edge at ${rate}/s`,
          unit: 'ms',
          ours: samples.ours,
          ...(isJudged ? { limit: P99_MS_MAX } : {}),
        });
        stage.row({
          name: `p99 through the edge at ${rate}/s, beside nginx alone`,
          unit: 'ms',
          ...samples,
          rivalName: 'the same nginx answering by itself',
          judging: 'less',
          ...(isJudged ? { target: NGINX_TARGET } : {}),
        });
      }
    } finally {
      await cluster.stop();
    }
  },
};

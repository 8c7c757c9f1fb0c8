/** `tollgate up`: the whole system on this machine, in the foreground, until Ctrl-C. */
import type { Command } from 'commander';
import { clusterConfig, engineConfig, stackConfig } from '../../engine/config/config.js';
import { checkSettings } from '../local/check-settings.js';
import { stopLiving } from '../local/child.js';
import { clusterPlan } from '../local/cluster.js';
import type { ClusterEndpoints, Endpoints } from '../local/endpoints.js';
import { singlePlan } from '../local/single.js';
import { planWithout, type StackPlan, startStack } from '../local/stack.js';

const START_STOP_MS_MAX = 5_000;

export function registerUp(program: Command): void {
  program
    .command('up')
    .description('run everything on loopback: Kafka, Postgres, simulator, engine, processor')
    .option('--cluster', 'two shards and two processors behind nginx, with TLS and mTLS')
    .option(
      '--without <names...>',
      'leave out processes, such as engine or engine-1: see shard recover',
    )
    .action((options: { cluster?: true; without?: string[] }) => {
      checkSettings(options.cluster === true);
      const { without = [] } = options;
      return options.cluster
        ? run(planWithout(clusterPlan(clusterConfig()), without), clusterWelcome)
        : run(planWithout(singlePlan(stackConfig()), without), (endpoints) =>
            welcome(endpoints, engineConfig().keysFile),
          );
    });
}

async function run<E extends Endpoints | ClusterEndpoints>(
  plan: StackPlan<E>,
  welcomeOf: (endpoints: E) => string,
): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => resolve());
  });
  const say = (line: string): void => console.log(`tollgate: ${line}`);
  say(`starting in ${plan.home} (logs in ${plan.home}/logs)`);
  const starting = startStack(plan, say);
  // Ctrl-C while it starts: what is starting ends, and so does the start.
  const early = await Promise.race([starting.then(() => false), stopped.then(() => true)]);
  if (early) {
    say('stopping before it was up');
    void stopLiving(START_STOP_MS_MAX);
    await starting.then((entry) => entry.stop()).catch(() => {});
    process.exit(0);
  }
  const stack = await starting;
  console.log(welcomeOf(stack.endpoints));
  process.on('SIGUSR2', () => {
    stack.grow().catch((error: Error) => say(`not started: ${error.message}`));
  });
  await stopped;
  say('stopping');
  await stack.stop();
  say('stopped');
  process.exit(0);
}

/** @param keysFile '' where the engine has none: then all requests belong to merchant `default` */
export function welcome(endpoints: Endpoints, keysFile: string): string {
  const needsKey = keysFile !== '';
  const authorization = needsKey ? ` -H "Authorization: Bearer $TOLLGATE_KEY"` : '';
  const hint = needsKey
    ? `, with TOLLGATE_KEY as \`tollgate keys add --merchant acme --file ${keysFile}\` prints it`
    : '';
  return `
  API        ${endpoints.api}
  admin      ${endpoints.admin}   processor ${endpoints.processorAdmin}
  simulator  ${endpoints.simulator}
  Kafka      ${endpoints.kafka}   Postgres ${endpoints.postgres}

Try it${hint}:

  curl -i ${endpoints.api}/payments${authorization} \\
    -H 'X-PAYMENT-CHECKOUT-ID: order-1' -H 'Content-Type: application/json' \\
    -d '{"amount": 1999, "currency": "USD", "payment_method": "pm_card_visa"}'
  curl -i ${endpoints.api}/payments/order-1${authorization} -H 'Prefer: wait=10'

Ctrl-C stops it all.`;
}

function clusterWelcome(endpoints: ClusterEndpoints): string {
  const key = endpoints.keys['alpha'] ?? '';
  const authorization = `-H 'Authorization: Bearer ${key}'`;
  return `
  API        ${endpoints.api}   (signed by ${endpoints.ca})
  admin      ${endpoints.admin.join(' ')}   processors ${endpoints.processorAdmin.join(' ')}
  simulator  ${endpoints.simulator}
  Kafka      ${endpoints.kafka} (mTLS)   Postgres ${endpoints.postgres}

Try it, as the merchant alpha:

  curl -i --cacert ${endpoints.ca} ${endpoints.api}/payments ${authorization} \\
    -H 'X-PAYMENT-CHECKOUT-ID: order-1' -H 'Content-Type: application/json' \\
    -d '{"amount": 1999, "currency": "USD", "payment_method": "pm_card_visa"}'
  curl -i --cacert ${endpoints.ca} ${endpoints.api}/payments/order-1 \\
    ${authorization} -H 'Prefer: wait=10'

Ctrl-C stops it all.`;
}

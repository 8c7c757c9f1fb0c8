/** `tollgate shard`: adds a shard while load runs, and rebuilds a lost one from Kafka. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError } from 'commander';
import {
  clusterConfig,
  type EngineConfig,
  engineConfig,
  setDefaults,
} from '../../engine/config/config.js';
import { type Recovered, recoverFromKafka } from '../../engine/recovery.js';
import { createLogger } from '../../engine/util/log.js';
import { type Mark, markFile } from '../../engine/wal/wal-state.js';
import { growCluster } from '../local/cluster-growth.js';
import { clusterOf, useRunning } from './running.js';

const SHARD_MAX = 4095;

interface RecoverOptions {
  readonly fromKafka: true;
  readonly mark?: string;
  readonly acknowledged?: string;
}

export function registerShard(program: Command): void {
  const shard = program.command('shard').description('grow, and recover what is lost');
  shard
    .command('add')
    .description('grow the local cluster by one shard while it serves')
    .option(
      '--number <n>',
      'of the new shard: repeated, the command adds no other one (required to grow again)',
      shardNumber,
    )
    .action(async ({ number }: { number?: number }) => {
      const say = (line: string): void => console.log(`tollgate: ${line}`);
      console.log(`${await growCluster(clusterConfig(), say, number)} payments were copied`);
    });
  shard
    .command('recover')
    .description("build this shard's lost volume (TOLLGATE_SHARD, TOLLGATE_DATA_DIR) anew")
    .requiredOption('--from-kafka', 'from payments.accepted and payments.status')
    .option('--mark <file>', 'acknowledged.json of the lost volume: says how much is missing')
    .option('--acknowledged <file>', 'merchant/id a line (of the access log): lists what is lost')
    .action(recover);
}

/** Of a cluster that runs here the shard's volume has its place, as that of `make run` has. */
function recoveredShard(): EngineConfig {
  const cluster = clusterOf(useRunning());
  const { shard } = engineConfig();
  if (cluster) setDefaults({ TOLLGATE_DATA_DIR: join(cluster.dataDir, `shard-${shard}`) });
  return engineConfig();
}

async function recover(options: RecoverOptions): Promise<void> {
  const config = recoveredShard();
  const mark = options.mark ? markFile(options.mark).load() : undefined;
  const logger = createLogger('recover', config.logLevel);
  const found = await recoverFromKafka(config, logger, {
    onProgress: (rows) => process.stderr.write(process.stderr.isTTY ? `\r${rows} rows` : ''),
    acknowledged: options.acknowledged ? linesOf(options.acknowledged) : none(),
  });
  console.log(`shard ${config.shard}: ${found.checkouts} payments, ${found.statuses} statuses`);
  if (mark) sayMissing(mark, found);
  for (const key of found.lost) console.log(`lost: ${key}`);
  if (options.acknowledged) console.log(`${found.lost.length} acknowledged payments are lost`);
  if (found.lost.length > 0) process.exitCode = 3;
}

/** The mark says up to which sequence was acknowledged; Kafka, up to which it was published. */
function sayMissing(mark: Mark, found: Recovered): void {
  const published = found.published.get(mark.volume) ?? 0;
  const missing = Math.max(0, mark.sequence - published);
  console.log(
    missing === 0
      ? 'all that the mark knows as acknowledged had reached Kafka'
      : `sequences ${published + 1} to ${mark.sequence} were acknowledged and never reached Kafka (two or more a payment)`,
  );
}

function shardNumber(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) <= SHARD_MAX) return Number(text);
  throw new InvalidArgumentError(`a whole number from 0 to ${SHARD_MAX}`);
}

async function* linesOf(path: string): AsyncIterable<string> {
  const lines = createInterface({ input: createReadStream(path) });
  for await (const line of lines) if (line !== '') yield line;
}

async function* none(): AsyncIterable<string> {}

/**
 * Computes how many of each component a rate needs and their monthly cost, from measured figures.
 */
import { readFileSync } from 'node:fs';
import { packageFile } from '../../engine/util/paths.js';
import type { Measured } from './measured.js';

const SECONDS_PER_DAY = 86_400;
const SECONDS_PER_MONTH = 2_628_000;
const GB = 1e9;

export interface Assumptions {
  readonly about: string;
  readonly utilisation: number;
  readonly shards_min: number;
  readonly processors_min: number;
  readonly partitions_min: number;
  readonly payments_per_second_per_partition: number;
  readonly nginx_requests_per_second: number;
  readonly postgres_single_nodes_max: number;
  readonly kafka_broker_mb_per_second: number;
  readonly kafka_replication: number;
  readonly kafka_retention_days: number;
  readonly store_retention_days: number;
  readonly postgres_bytes_per_payment: number;
  readonly postgres_retention_days: number;
  readonly bytes_per_payment: Readonly<
    Record<'accepted' | 'statuses' | 'request' | 'answer' | 'polls', number>
  >;
  readonly hours_per_month: number;
  readonly instances: Readonly<
    Record<
      'shard' | 'processor' | 'nginx' | 'kafka' | 'postgres',
      { type: string; usd_per_hour: number }
    >
  >;
  readonly usd_per_gb_month: Readonly<Record<'ebs_gp3' | 'kafka' | 'postgres', number>>;
  readonly usd_per_gb_between_zones: number;
}

export interface Part {
  readonly name: string;
  readonly count: number;
  readonly type: string;
  readonly why: string;
  readonly usdPerMonth: number;
}

export function readAssumptions(): Assumptions {
  return JSON.parse(
    readFileSync(packageFile('ops/capacity/assumptions.json'), 'utf8'),
  ) as Assumptions;
}

/** @param rate payments a second */
export function capacityOf(rate: number, measured: Measured, given: Assumptions): Part[] {
  const machines = (
    role: keyof Assumptions['instances'],
    count: number,
    why: string,
    name: string = role,
  ): Part => {
    const { type, usd_per_hour } = given.instances[role];
    return { name, count, type, why, usdPerMonth: count * usd_per_hour * given.hours_per_month };
  };
  const enough = (each: number, least: number): number =>
    Math.max(least, Math.ceil(rate / (each * given.utilisation)));
  const shards = enough(measured.acceptPerSecond, given.shards_min);
  const processors = enough(measured.processedPerSecond, given.processors_min);
  const nodes = enough(measured.insertsPerSecond, 1);
  const nginx = enough(given.nginx_requests_per_second, 2);
  const kafkaMb = kafkaMbPerSecond(rate, given);
  const brokers = Math.max(3, Math.ceil(kafkaMb / given.kafka_broker_mb_per_second));
  const at = (each: number): string =>
    `${Math.round(each).toLocaleString('en')}/s each, ${given.utilisation * 100} % used`;
  return [
    machines('nginx', nginx, at(given.nginx_requests_per_second)),
    machines('shard', shards, at(measured.acceptPerSecond)),
    machines('kafka', brokers, `${kafkaMb.toFixed(1)} MB/s with replication`),
    partitionsOf(rate, processors, given),
    machines('processor', processors, at(measured.processedPerSecond)),
    machines('postgres', nodes, at(measured.insertsPerSecond), postgresName(nodes, given)),
    ...storage(rate, shards, measured, given),
    network(rate, given),
  ];
}

function postgresName(nodes: number, given: Assumptions): string {
  return nodes <= given.postgres_single_nodes_max
    ? 'postgres, tables partitioned by day'
    : 'postgres, distributed by merchant/id (e.g. Citus)';
}

/** Every processor needs partitions of its own; the count never changes in place, so it is even. */
function partitionsOf(rate: number, processors: number, given: Assumptions): Part {
  const wanted = Math.max(processors * 2, rate / given.payments_per_second_per_partition);
  const count = Math.max(given.partitions_min, 2 ** Math.ceil(Math.log2(wanted)));
  const why = 'at least two a processor, a power of two';
  return { name: 'partitions', count, type: 'of each topic', why, usdPerMonth: 0 };
}

function kafkaMbPerSecond(rate: number, given: Assumptions): number {
  const { accepted, statuses } = given.bytes_per_payment;
  return (rate * (accepted + statuses) * given.kafka_replication) / 1e6;
}

function storage(rate: number, shards: number, measured: Measured, given: Assumptions): Part[] {
  const { ebs_gp3, kafka, postgres } = given.usd_per_gb_month;
  const part = (name: string, gb: number, usdPerGb: number, why: string): Part => ({
    name,
    count: Math.ceil(gb),
    type: 'GB',
    why,
    usdPerMonth: gb * usdPerGb,
  });
  const days = (bytesPerSecond: number, count: number): number =>
    (bytesPerSecond * SECONDS_PER_DAY * count) / GB;
  const stored = days(rate * measured.storeBytesPerPayment, given.store_retention_days);
  const logged = days(kafkaMbPerSecond(rate, given) * 1e6, given.kafka_retention_days);
  const booked = days(rate * given.postgres_bytes_per_payment, given.postgres_retention_days);
  const perShard = (stored / shards).toFixed(0);
  return [
    part(
      'disks of the shards',
      stored,
      ebs_gp3,
      `${given.store_retention_days} days, ${perShard} GB a shard`,
    ),
    part('disks of Kafka', logged, kafka, `${given.kafka_retention_days} days, replicated`),
    part(
      'disks of Postgres',
      booked,
      postgres,
      `${given.postgres_retention_days} days, then archived`,
    ),
  ];
}

function network(rate: number, given: Assumptions): Part {
  const { request, answer, polls } = given.bytes_per_payment;
  const mbPerSecond = (rate * (request + answer + polls)) / 1e6 + kafkaMbPerSecond(rate, given);
  const gb = (mbPerSecond * 1e6 * SECONDS_PER_MONTH) / GB;
  return {
    name: 'network between zones',
    count: Math.ceil(gb),
    type: 'GB a month',
    why: `${mbPerSecond.toFixed(1)} MB/s`,
    usdPerMonth: gb * given.usd_per_gb_between_zones,
  };
}

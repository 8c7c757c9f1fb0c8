/** Encoding the hot record into a slot, and the fingerprint, by tinybench; and what a call allocates. */

import { readFileSync } from 'node:fs';
import type { HeapProfiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import avsc from 'avsc';
import { Bench } from 'tinybench';
import { checkoutAccepted } from '../../engine/codec/records.js';
import { packageFile } from '../../engine/util/paths.js';
import { isProblem, parseCheckout } from '../../gateway/checkouts/checkout.js';
import { sampleCheckout } from '../harness/samples.js';
import type { Stage, Suite } from '../harness/suite.js';

const ENCODE_TARGET = 2;
/** Sampled allocation is never exactly nothing: the profiler itself and the loop. */
const BYTES_PER_CALL_MAX = 1;
const BODY = Buffer.from('{"amount": 1999, "currency": "USD", "payment_method": "pm_card_visa"}');

export const codec: Suite = {
  name: 'codec',
  measures:
    'Avro into the slot beside avsc and JSON, the checked body with its fingerprint, allocation',
  async run(stage: Stage) {
    const record = sampleCheckout('bench-1', 1);
    const slot = Buffer.alloc(512);
    const file = packageFile('engine/codec/schemas/CheckoutAccepted.avsc');
    const type = avsc.Type.forSchema(JSON.parse(readFileSync(file, 'utf8')));
    const encode = (): void => void checkoutAccepted.encodeInto(record, slot, 0);
    const samples = await inTurns(stage, {
      encode,
      toBuffer: () => void type.toBuffer(record),
      json: () => void JSON.stringify(record),
      decode: () => void type.fromBuffer(bytes),
      check: () => void parseCheckout(BODY, 'default', 'bench-1', 0),
      parse: () => void JSON.parse(BODY.toString()),
    });
    stage.row({
      name: 'Avro into the slot',
      unit: 'records/s',
      ours: samples.encode,
      rival: samples.toBuffer,
      rivalName: 'avsc toBuffer',
      target: ENCODE_TARGET,
    });
    stage.row({
      name: 'Avro into the slot, beside JSON',
      unit: 'records/s',
      ours: samples.encode,
      rival: samples.json,
      rivalName: 'JSON.stringify',
    });
    stage.row({
      name: 'body checked and its fingerprint made',
      unit: 'bodies/s',
      ours: samples.check,
      rival: samples.parse,
      rivalName: 'JSON.parse alone',
    });
    stage.row({ name: 'avsc decodes', unit: 'records/s', ours: samples.decode });
    stage.must(!isProblem(parseCheckout(BODY, 'default', 'bench-1', 0)), 'the body is a good one');
    stage.row({
      name: 'allocated by encoding into the slot',
      unit: 'B/record',
      ours: [Math.max(await allocated(encode, stage.size(100_000, 1_000_000)), 1e-3)],
      limit: BYTES_PER_CALL_MAX,
    });
  },
};

const bytes = Buffer.from(checkoutAccepted.encode(sampleCheckout('bench-1', 1)).subarray(10));

type Samples<Names extends string> = Record<Names, number[]>;

/** Calls a second of each function, all in every round. */
async function inTurns<Names extends string>(
  stage: Stage,
  tasks: Record<Names, () => void>,
): Promise<Samples<Names>> {
  const names = Object.keys(tasks) as Names[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Samples<Names>;
  for (let round = -1; round < stage.rounds; round++) {
    const bench = new Bench({ time: stage.size(100, 300), warmupTime: 100 });
    for (const name of names) bench.add(name, tasks[name]);
    for (const task of await bench.run()) {
      const { result } = task;
      if (round >= 0 && 'throughput' in result)
        samples[task.name as Names].push(1_000 / result.latency.p50);
    }
  }
  return samples;
}

/** Bytes a call, by the sampling heap profiler, also of what was collected meanwhile. */
async function allocated(call: () => void, calls: number): Promise<number> {
  for (let i = 0; i < 20_000; i++) call();
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: 512,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  for (let i = 0; i < calls; i++) call();
  const { profile } = await session.post('HeapProfiler.stopSampling');
  session.disconnect();
  return sizeOf(profile.head) / calls;
}

function sizeOf(node: HeapProfiler.SamplingHeapProfileNode): number {
  return node.children.reduce((sum, child) => sum + sizeOf(child), node.selfSize);
}

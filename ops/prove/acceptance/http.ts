/** HTTP as its RFCs say: the table of ops/e2e/http-table.ts at an engine, and through the edge. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HttpTarget, requestsOf } from '../../e2e/http-case.js';
import { httpCases, tryTable } from '../../e2e/http-table.js';
import { EdgeFixture } from '../../testing/edge-fixture.js';
import { startEngineProcess } from '../../testing/engine-process.js';
import type { Proof, Stage } from '../../testing/proof.js';

const PENDING_ID = 'pending-1';

export const http: Proof = {
  name: 'http',
  shows:
    'cases of RFC 9110, 9112, 7240 and 9457 as raw bytes, at an engine and through the edge, each followed by a second request on its connection',
  async run(stage: Stage) {
    // Both end, so that each stops its processes, before a fault of one ends the proof.
    const ended = await Promise.allSettled([atEngine(stage), throughEdge(stage)]);
    const fault = ended.find((half) => half.status === 'rejected');
    if (fault) throw fault.reason;
  },
};

async function atEngine(stage: Stage): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-http-'));
  const engine = await startEngineProcess({ TOLLGATE_DATA_DIR: dir, TOLLGATE_CDC: 'off' });
  try {
    const port = Number(new URL(engine.api).port);
    await show(stage, 'at an engine', { port, isEdge: false, own: [], pendingId: PENDING_ID });
  } finally {
    await engine.stop();
    rmSync(dir, { recursive: true });
  }
}

async function throughEdge(stage: Stage): Promise<void> {
  const edge = await EdgeFixture.start();
  try {
    const { port, ca } = edge;
    const own = Object.entries(edge.headersOf('alpha')).map(([name, text]) => `${name}: ${text}`);
    await show(stage, 'through the edge', { port, ca, isEdge: true, own, pendingId: PENDING_ID });
  } finally {
    await edge.stop();
  }
}

async function show(stage: Stage, where: string, target: HttpTarget): Promise<void> {
  const faults = await tryTable(target);
  const cases = httpCases(requestsOf(target));
  const byLibrary = target.isEdge ? [] : cases.filter(({ engine }) => engine !== undefined);
  stage.figure(`cases ${where}`, `${cases.length}, ${byLibrary.length} of them the library's own`);
  stage.figure(
    `wrong ${where}`,
    faults.length === 0 ? 0 : `${faults.length}:\n${faults.join('\n')}`,
  );
  stage.must(faults.length === 0, `${where}: ${faults[0]}`);
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import type { Period } from '../calendar.js';
import { saveReport } from '../report-file.js';
import { SimulatorSource } from './simulator-source.js';

const FROM = new Date('2027-01-01T00:00:00Z');
const DAY: Period = {
  kind: 'daily',
  label: '2027-01-01',
  from: FROM,
  until: new Date('2027-01-02T00:00:00Z'),
};
const ROWS = 200_000;
const ROW = `${'x'.repeat(136)}\n`;

describe('reports over HTTP', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-source-'));
  const servers: Server[] = [];
  after(() => rmSync(folder, { recursive: true }));
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  const fetchFrom = async (answer: RequestListener) => {
    const server = createServer(answer);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const source = new SimulatorSource('simulator', `http://127.0.0.1:${port}`);
    const [report] = await source.reports(DAY, FROM);
    return saveReport(await report!.open(), folder, report!.name, () => {});
  };

  it('should take seconds for a large report that comes as one chunk per row', async () => {
    const since = Date.now();
    const { path, bytes } = await fetchFrom(async (_, response) => {
      for (let i = 0; i < ROWS; i++) if (!response.write(ROW)) await once(response, 'drain');
      response.end();
    });
    assert.equal(bytes, ROWS * ROW.length);
    assert.equal(statSync(path).size, bytes);
    const seconds = (Date.now() - since) / 1_000;
    assert.ok(seconds < 20, `it took ${seconds} s`);
  });

  it('should refuse an answer that is not 200, and keep nothing of one that is cut short', async () => {
    const cut = join(folder, '2027-01-01.csv');
    rmSync(cut, { force: true });
    await assert.rejects(
      fetchFrom((_, response) => {
        response.statusCode = 503;
        response.end();
      }),
      { code: 'report_unavailable', canRetry: true },
    );
    await assert.rejects(
      fetchFrom((_, response) => {
        response.setHeader('Content-Length', '1000');
        response.write('reference,type\n', () => response.destroy());
      }),
    );
    assert.throws(() => statSync(cut), { code: 'ENOENT' });
    const source = new SimulatorSource('simulator', 'http://127.0.0.1:1');
    const [report] = await source.reports(DAY, FROM);
    await assert.rejects(report!.open(), { code: 'report_unavailable' });
  });
});

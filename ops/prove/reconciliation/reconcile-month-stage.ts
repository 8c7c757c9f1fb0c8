/**
 * A month for the proofs of reconciliation: a Postgres with our side, the simulator's report
 * behind HTTP, and differences planted in both, each with the item that must be found.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdtempSync,
  rmSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { childEnvironment } from '../../../engine/config/config.js';
import { packageFile } from '../../../engine/util/paths.js';
import { BulkBooks } from '../../fakes/simulator/bulk.js';
import { settlementCsv } from '../../fakes/simulator/settlement.js';
import { type LocalPostgres, startPostgres } from '../../local/postgres.js';
import { freePorts } from '../../testing/engine-process.js';
import { peakResidentMb } from '../../testing/memory.js';
import { writeMonth } from './reconcile-month-books.js';
import { Plant } from './reconcile-plant.js';

export const MONTH = '2026-03';
const LOOK_MS = 25;

export interface CliResult {
  /** null after a signal. */
  readonly code: number | null;
  readonly output: string;
  readonly peakMb: number;
  readonly seconds: number;
}

export class MonthStage {
  readonly plant: Plant;
  readonly #home: string;
  readonly #postgres: LocalPostgres;
  readonly #reports: Server;

  private constructor(home: string, postgres: LocalPostgres, reports: Server, plant: Plant) {
    this.#home = home;
    this.#postgres = postgres;
    this.#reports = reports;
    this.plant = plant;
  }

  static async prepare(count: number): Promise<MonthStage> {
    const home = mkdtempSync(join(tmpdir(), 'tollgate-month-'));
    chmodSync(home, 0o755);
    const [port] = (await freePorts(1)) as [number];
    const dir = join(home, 'postgres');
    const postgres = await startPostgres({ dir, port, log: join(home, 'postgres.log') });
    const plant = new Plant(count);
    const reports = await serve(home);
    const stage = new MonthStage(home, postgres, reports, plant);
    await writeMonth({ server: postgres, count, month: MONTH, open: plant.openCheckouts });
    await stage.#writeReport(count);
    await stage.query(plant.sql);
    return stage;
  }

  async query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.#postgres.adminUrl });
    await client.connect();
    try {
      const result = await client.query<Row>(sql);
      return result.rows;
    } finally {
      await client.end();
    }
  }

  /** `tollgate reconcile …`; killed by SIGKILL after `killAfterMs`, if that is given. */
  async reconcile(args: readonly string[], killAfterMs?: number): Promise<CliResult> {
    const since = Date.now();
    const command = [packageFile('ops/cli/tollgate.mjs'), 'reconcile', ...args];
    const child = spawn(process.execPath, command, { env: this.#environment() });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (entry) => (output += entry));
    let peakMb = 0;
    const look = setInterval(() => {
      peakMb = Math.max(peakMb, peakResidentMb(child.pid!));
    }, LOOK_MS);
    const killer =
      killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    const [code] = (await once(child, 'exit')) as [number | null];
    clearInterval(look);
    clearTimeout(killer);
    return { code, output, peakMb, seconds: (Date.now() - since) / 1_000 };
  }

  async close(): Promise<void> {
    this.#reports.closeAllConnections();
    this.#reports.close();
    await this.#postgres.stop('SIGINT', 10_000);
    rmSync(this.#home, { recursive: true, force: true });
  }

  #environment(): NodeJS.ProcessEnv {
    const { port } = this.#reports.address() as AddressInfo;
    return childEnvironment({
      TOLLGATE_HOME: this.#home,
      TOLLGATE_DATABASE_URL: this.#postgres.url,
      TOLLGATE_SIMULATOR_URL: `http://127.0.0.1:${port}`,
    });
  }

  /** The simulator writes it, the plant edits it line by line. */
  async #writeReport(count: number): Promise<void> {
    const csv = settlementCsv(new BulkBooks(count, MONTH), MONTH);
    const edited = Readable.from(this.plant.edit(linesOf(csv)));
    await pipeline(edited, createWriteStream(join(this.#home, `${MONTH}.csv`)));
  }
}

async function* linesOf(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
}

/** Reports that were not written are empty. */
async function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = join(folder, basename(request.url ?? ''));
    response.setHeader('Content-Type', 'text/csv');
    if (existsSync(path)) createReadStream(path).pipe(response);
    else settlementCsv(new BulkBooks(0, MONTH), MONTH).pipe(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

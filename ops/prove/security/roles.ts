/**
 * Who may do what, tried on the system that `make run` starts. In Postgres the user of the processors is
 * refused whatever would change tables, books or rights. At the admin ports every route is called with
 * no token, a wrong one and one of each role, and under a foreign host name. Payments go on.
 */
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import {
  ADMIN_ROLES,
  ADMIN_ROUTES,
  type AdminRole,
  includes,
} from '../../../engine/admin/admin-roles.js';
import type { AdminTokens } from '../../../engine/admin/admin-tokens.js';
import { connect } from '../../../workers/postgres/pool.js';
import { refusedToRuntime } from '../../../workers/postgres/refused-statements.js';
import { passwordsFile } from '../../local/postgres-roles.js';
import { auditAll } from '../../testing/audit.js';
import { payInOrder } from '../../testing/pay-in-order.js';
import type { Proof, Stage } from '../../testing/proof.js';
import { LocalSystem } from '../../testing/system.js';

const REFUSED = /permission denied|must be owner|refused:/;
const FOREIGN_HOST = 'attacker.example';
const ANSWER_MS_MAX = 5_000;
const REFUSALS = [401, 403, 421];

export const roles: Proof = {
  name: 'roles',
  shows:
    'processors can change no table, book or right of theirs; each admin route asks for the token of its role',
  async run(stage: Stage) {
    const system = await LocalSystem.start();
    try {
      const accepted = await payInOrder(system.endpoints.api, 'before', stage.size(5, 100));
      await tryDatabase(stage, system);
      await tryRoutes(stage, system);
      accepted.push(...(await payInOrder(system.endpoints.api, 'after', stage.size(5, 100))));
      await auditAll(stage, system, accepted);
    } finally {
      await system.stop();
    }
  },
};

async function tryDatabase(stage: Stage, system: LocalSystem): Promise<void> {
  const file = passwordsFile(join(system.home, 'data', 'postgres'));
  const mode = (statSync(file).mode & 0o777).toString(8);
  stage.must(mode === '600', `${file} has mode ${mode}`);
  const url = new URL(system.endpoints.postgres);
  for (const password of ['', 'tollgate', url.username])
    stage.must(!(await mayConnect(url, password)), `'${password}' is a password of the database`);
  const admin = await connect(system.adminPostgres);
  const runtime = await connect(url.href);
  try {
    const statements = await refusedToRuntime(admin);
    let refused = 0;
    for (const statement of statements) {
      const problem = await runtime.query(statement).then(() => '', messageOf);
      stage.must(REFUSED.test(problem), `not refused: ${statement}: ${problem}`);
      refused++;
    }
    stage.figure(
      'statements of the runtime role: tried / refused',
      `${statements.length} / ${refused}`,
    );
  } finally {
    await Promise.all([admin.end(), runtime.end()]);
  }
}

async function mayConnect(url: URL, password: string): Promise<boolean> {
  const client = await connect(Object.assign(new URL(url), { password }).href).catch(
    () => undefined,
  );
  await client?.end();
  return client !== undefined;
}

function messageOf(error: Error): string {
  return error.message;
}

/** Every route of both servers; those that only the other one has are 404. */
async function tryRoutes(stage: Stage, system: LocalSystem): Promise<void> {
  const { admin, processorAdmin, adminTokenFile } = system.endpoints;
  const tokens = JSON.parse(readFileSync(adminTokenFile, 'utf8')) as AdminTokens;
  const seen = new Set<string>();
  let calls = 0;
  for (const server of [admin, processorAdmin])
    for (const route of Object.keys(ADMIN_ROUTES)) {
      const call: Call = { server, ...callOf(route) };
      if ((await statusOf(call, tokens.admin)) === 404 && !route.includes('*')) continue;
      seen.add(route);
      for (const role of [undefined, 'wrong', ...ADMIN_ROLES] as const) {
        const token = role === undefined || role === 'wrong' ? role : tokens[role];
        const status = await statusOf(call, token);
        const wanted = refusalOf(route, role);
        const isRight = wanted === undefined ? !REFUSALS.includes(status) : status === wanted;
        stage.must(
          isRight,
          `${route} at ${server} with ${role}: ${status}, not ${wanted ?? 'let in'}`,
        );
        calls++;
      }
      const foreign = await statusOf({ ...call, host: FOREIGN_HOST }, tokens.admin);
      stage.must(foreign === 421, `${route} for host ${FOREIGN_HOST}: ${foreign}`);
      calls++;
    }
  stage.figure(
    'admin routes / calls that were answered as the table says',
    `${seen.size} / ${calls}`,
  );
  const rest = Object.keys(ADMIN_ROUTES).filter((key) => !seen.has(key));
  stage.must(rest.length === 0, `no server has ${rest.join(', ')}`);
}

/** @returns undefined: let in */
function refusalOf(route: string, role: AdminRole | 'wrong' | undefined): number | undefined {
  const needed = ADMIN_ROUTES[route]!;
  if (needed === 'free' || needed === 'peer') return undefined;
  if (role === undefined || role === 'wrong') return 401;
  return includes(role, needed) ? undefined : 403;
}

function callOf(route: string): { method: string; path: string } {
  const [method, pattern] = route.split(' ') as [string, string];
  return { method, path: pattern.replace(':merchant', 'default').replace(/:id|\*/, 'no-such') };
}

interface Call {
  readonly server: string;
  readonly method: string;
  readonly path: string;
  readonly host?: string;
}

/** A body that no route takes: what is let in changes nothing. */
async function statusOf({ server, method, path, host }: Call, token?: string): Promise<number> {
  const headers = {
    ...(host === undefined ? {} : { Host: host }),
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(method === 'GET' ? {} : { 'Content-Type': 'application/json' }),
  };
  const call = httpRequest(`${server}${path}`, { method, headers, timeout: ANSWER_MS_MAX });
  call.end(method === 'GET' ? undefined : '{"unknown":1}');
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode!;
}

/**
 * The database role of processors. The owner creates it when it is missing, with the password of
 * its URL. A role that could give itself more rights than it is granted is refused.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import { EngineError } from '../../engine/util/errors.js';
import { libpqUrl } from './pool.js';

const SCRAM_ITERATIONS = 4_096;

/**
 * @param databaseUrl of the role
 * @returns its name. Throws EngineError `runtime_role_unfit`.
 */
export async function ensureRuntimeRole(
  owner: pg.ClientBase,
  databaseUrl: string,
): Promise<string> {
  const { user: role, password } = new pg.Client({ connectionString: libpqUrl(databaseUrl) });
  if (role === undefined) throw unfit('TOLLGATE_DATABASE_URL names no user');
  const found = await powersOf(owner, role);
  if (!found) await create(owner, role, password);
  else if (found.isPowerful)
    throw unfit(
      `the role ${role} of TOLLGATE_DATABASE_URL is a superuser, may make roles, or is a member of the owner: use a plain one`,
    );
  return role;
}

/** Rights that are not granted one by one would make those that are meaningless. */
async function powersOf(
  owner: pg.ClientBase,
  role: string,
): Promise<{ isPowerful: boolean } | undefined> {
  const { rows } = await owner.query<{ isPowerful: boolean }>(
    `select rolsuper or rolcreaterole or rolbypassrls or rolreplication
       or pg_has_role(oid, current_user, 'member') as "isPowerful"
     from pg_roles where rolname = $1`,
    [role],
  );
  return rows[0];
}

async function create(
  owner: pg.ClientBase,
  role: string,
  password: string | null | undefined,
): Promise<void> {
  const may = 'select rolsuper or rolcreaterole as may from pg_roles where rolname = current_user';
  const mayCreate = (await owner.query<{ may: boolean }>(may)).rows[0]!.may;
  if (!mayCreate || !password)
    throw unfit(
      `there is no role ${role}: \`create role ${role} login password '…'\` as a user who may make roles`,
    );
  const verifier = scramVerifier(password);
  const name = owner.escapeIdentifier(role);
  await owner.query(`create role ${name} login password '${verifier}'`);
}

/**
 * What Postgres stores of a password (RFC 5803), so that the password itself is in no statement and in no
 * log. A password with characters beyond ASCII is taken as it is, without SASLprep.
 */
export function scramVerifier(password: string, salt = randomBytes(16)): string {
  const salted = pbkdf2Sync(password, salt, SCRAM_ITERATIONS, 32, 'sha256');
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  const serverKey = hmac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

function unfit(problem: string): EngineError {
  return new EngineError('runtime_role_unfit', problem);
}

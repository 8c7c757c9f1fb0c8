/**
 * The tokens of the admin ports: a JSON file `{"viewer", "operator", "admin"}` with mode 0600. A
 * server creates it with random tokens when it is missing, and reloads it within a second after a
 * change. A changed file that is invalid is ignored; the former tokens stay valid.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { newAjv } from '../util/ajv.js';
import { Bursts } from '../util/bursts.js';
import { EngineError } from '../util/errors.js';
import { FileWatch } from '../util/file-watch.js';
import type { Logger } from '../util/log.js';
import { ADMIN_ROLES, type AdminRole } from './admin-roles.js';
import type { AdminRefusal } from './admin-server.js';

const LOOK_MS = 1_000;
const OTHERS_MAY_READ = 0o077;
const TOKEN_BYTES = 32;
const token = Type.String({ minLength: 32, maxLength: 256, pattern: '^[!-~]+$' });
const TokensDocument = Type.Object(
  { viewer: token, operator: token, admin: token },
  { additionalProperties: false },
);
export type AdminTokens = Static<typeof TokensDocument>;

const validate = newAjv().compile<AdminTokens>(TokensDocument);

/** Throws EngineError `admin_tokens_unusable` that says why, and never what is in the file. */
export function readAdminTokens(path: string): AdminTokens {
  const unusable = (why: string): EngineError =>
    new EngineError('admin_tokens_unusable', `${path} ${why} See TOLLGATE_ADMIN_TOKENS_FILE.`);
  let document: unknown;
  try {
    if ((statSync(path).mode & OTHERS_MAY_READ) !== 0)
      throw unusable('can be read by others: chmod 600 it.');
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw unusable(code === undefined ? 'is not JSON.' : `cannot be read: ${code}.`);
  }
  if (!validate(document))
    throw unusable('does not have one token of 32 characters for each role.');
  if (new Set(Object.values(document)).size < ADMIN_ROLES.length)
    throw unusable('has the same token for two roles.');
  return document;
}

/** Several processes may do this at once: all read the file of the first. */
export function ensureAdminTokens(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.${randomBytes(4).toString('hex')}.next`;
  const tokens = ADMIN_ROLES.map((role) => [role, newToken()] as const);
  writeFileSync(next, `${JSON.stringify(Object.fromEntries(tokens), null, 2)}\n`, { mode: 0o600 });
  try {
    linkSync(next, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(next, { force: true });
  }
}

/** The tokens in force, as hashes. */
export class AdminTokenWatch {
  readonly #watch: FileWatch;
  readonly #logger: Logger;
  readonly #bursts = new Bursts();
  #refusals = 0;
  #hashes: readonly (readonly [AdminRole, Buffer])[];

  /** Makes the file where there is none. Throws EngineError `admin_tokens_unusable`. */
  constructor(path: string, logger: Logger) {
    this.#logger = logger;
    ensureAdminTokens(path);
    this.#hashes = hashesOf(readAdminTokens(path));
    this.#watch = new FileWatch([path], LOOK_MS, () => {
      try {
        this.#hashes = hashesOf(readAdminTokens(path));
        logger.info({ path }, 'the admin tokens have changed');
      } catch (error) {
        const { message } = error as Error;
        logger.error({ reason: message }, 'the admin tokens stay as they were');
      }
    });
  }

  /** @param authorization the header. Compares with every token in constant time. */
  roleOf(authorization: string | undefined): AdminRole | undefined {
    const given = /^Bearer ([!-~]{1,256})$/i.exec(authorization ?? '')?.[1];
    const digest = digestOf(given ?? '');
    let found: AdminRole | undefined;
    for (const [role, expected] of this.#hashes)
      if (timingSafeEqual(digest, expected)) found = role;
    return found;
  }

  /** Counts it, and logs it within the bounds of `Bursts`. */
  refused(code: AdminRefusal, method: string, url: string): void {
    this.#refusals++;
    const times = this.#bursts.add(code);
    if (times > 0) this.#logger.warn({ code, times, method, url }, 'refused at the admin port');
  }

  acted(role: AdminRole, method: string, url: string): void {
    this.#logger.info({ role, method, url }, 'an act at the admin port');
  }

  figures(): Record<string, number> {
    return { admin_refusals_total: this.#refusals };
  }

  stop(): void {
    this.#watch.stop();
  }
}

function hashesOf(tokens: AdminTokens): (readonly [AdminRole, Buffer])[] {
  return ADMIN_ROLES.map((role) => [role, digestOf(tokens[role])] as const);
}

function digestOf(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

function newToken(): string {
  return `tga_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
}

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createLogger } from '../util/log.js';
import { ADMIN_ROLES, ADMIN_ROUTES, includes } from './admin-roles.js';
import { newAdminServer } from './admin-server.js';
import { AdminTokenWatch, ensureAdminTokens, readAdminTokens } from './admin-tokens.js';

describe('the roles of admin ports', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-roles-'));
  const file = join(dir, 'home', 'admin-tokens.json');
  const watch = new AdminTokenWatch(file, createLogger('test', 'error'));
  const tokens = readAdminTokens(file);
  const app = newAdminServer(watch);
  for (const route of Object.keys(ADMIN_ROUTES)) {
    const [method, url] = route.split(' ') as ['GET', string];
    app.route({ method, url, handler: () => ({}) });
  }
  after(() => {
    watch.stop();
    rmSync(dir, { recursive: true });
  });
  const status = async (route: string, headers: Record<string, string>): Promise<number> => {
    const [method, url] = route.split(' ') as ['GET', string];
    return (await app.inject({ method, url: url.replace('*', 'x'), headers })).statusCode;
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it('should refuse a foreign Host on every route, whatever the token', async () => {
    for (const route of Object.keys(ADMIN_ROUTES))
      assert.equal(
        await status(route, { ...bearer(tokens.admin), host: 'evil.example' }),
        421,
        route,
      );
  });

  it('should answer every route to its role and above only', async () => {
    for (const [route, access] of Object.entries(ADMIN_ROUTES)) {
      const isOpen = access === 'free' || access === 'peer';
      assert.equal(await status(route, {}), isOpen ? 200 : 401, route);
      assert.equal(await status(route, bearer('x'.repeat(43))), isOpen ? 200 : 401, route);
      for (const role of ADMIN_ROLES) {
        const expected = isOpen || includes(role, access) ? 200 : 403;
        assert.equal(await status(route, bearer(tokens[role])), expected, `${role} ${route}`);
      }
    }
  });

  it('should ask for a token on paths that do not exist, and refuse routes without a role', async () => {
    assert.equal(await status('GET /nothing', {}), 401);
    assert.equal(await status('GET /nothing', bearer(tokens.viewer)), 404);
    const other = newAdminServer(watch);
    assert.throws(() => other.get('/secret', () => ({})), /ADMIN_ROUTES/);
  });

  it('should make the file once, for its owner alone, and refuse one that others can read', () => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    ensureAdminTokens(file);
    assert.deepEqual(readAdminTokens(file), tokens);
    chmodSync(file, 0o640);
    assert.throws(() => readAdminTokens(file), /chmod 600/);
    chmodSync(file, 0o600);
  });
});

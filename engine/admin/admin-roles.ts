/**
 * Who may call which route of an admin port. Every route must be in the table: a server with
 * a route that is not does not start. Each role includes the ones before it.
 */
export const ADMIN_ROLES = ['viewer', 'operator', 'admin'] as const;
export type AdminRole = (typeof ADMIN_ROLES)[number];

/**
 * `free`: no token. `peer`: other engines, whose certificate the nginx beside the engine checks;
 * no token either.
 */
export type RouteAccess = AdminRole | 'free' | 'peer';

export const ADMIN_ROUTES: Readonly<Record<string, RouteAccess>> = {
  'GET /healthz': 'free',
  'GET /readyz': 'free',
  'GET /metrics': 'free',
  'GET /openapi.json': 'free',
  'GET /config': 'viewer',
  'GET /topology': 'viewer',
  'PUT /topology': 'admin',
  'GET /moves': 'viewer',
  'POST /moves': 'admin',
  'GET /rows': 'peer',
  'GET /rows/:merchant/:id': 'peer',
  'GET /dlq': 'viewer',
  'GET /dlq/*': 'viewer',
  'POST /dlq/redrive': 'operator',
};

/** @returns undefined for a route that the table does not know */
export function accessOf(method: string, route: string): RouteAccess | undefined {
  return ADMIN_ROUTES[`${method === 'HEAD' ? 'GET' : method} ${route}`];
}

export function includes(role: AdminRole, needed: AdminRole): boolean {
  return ADMIN_ROLES.indexOf(role) >= ADMIN_ROLES.indexOf(needed);
}

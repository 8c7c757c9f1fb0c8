/** The Authorization header for an admin port: the token of a role, read from the token file. */
import type { AdminRole } from '../../engine/admin/admin-roles.js';
import { readAdminTokens } from '../../engine/admin/admin-tokens.js';

export type AdminHeaders = Readonly<Record<'Authorization', string>>;

/** @param file `adminTokenFile` of `endpoints.json`. Throws EngineError `admin_tokens_unusable`. */
export function adminHeaders(file: string, role: AdminRole): AdminHeaders {
  return { Authorization: `Bearer ${readAdminTokens(file)[role]}` };
}

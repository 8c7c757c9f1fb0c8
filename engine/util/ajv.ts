/**
 * The validator of what comes from outside. Our schemas are not validated themselves: their
 * types are checked by the compiler, and the meta-schema takes 60 ms of every start.
 */
import { Ajv, type Options } from 'ajv';

export function newAjv(options: Options = {}): Ajv {
  return new Ajv({ strict: true, meta: false, validateSchema: false, ...options });
}

/**
 * The validator for input from outside. The schemas themselves are not validated at run time: the
 * compiler checks their types, and the meta-schema would add 60 ms to every start.
 */
import { Ajv, type Options } from 'ajv';

export function newAjv(options: Options = {}): Ajv {
  return new Ajv({ strict: true, meta: false, validateSchema: false, ...options });
}

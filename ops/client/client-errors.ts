/** Explains a failed connection to the user of a command, and what to do next. */

const NOT_TRUSTED = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
]);
const NO_ANSWER = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const LATE = /TIMEOUT|^TimeoutError$|^ETIMEDOUT$|^23$/;

/** @param who what was expected there. @param hint where its address comes from */
export function connectionProblem(error: unknown, who: string, url: string, hint: string): Error {
  const code = codeOf(error);
  const problem = problemOf(code);
  const text =
    problem === undefined
      ? `no answer of ${who} at ${url}: ${messageOf(error)}`
      : problem === ''
        ? `no ${who} answers at ${url} (${hint})`
        : `${url}: ${problem}`;
  return new Error(text, { cause: error });
}

/** @returns '': nobody answers; undefined: another error */
export function problemOf(code: string): string | undefined {
  if (NOT_TRUSTED.has(code)) return 'certificate not trusted: give --ca';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'the certificate is for another name';
  if (code === 'CERT_HAS_EXPIRED') return 'the certificate has expired';
  return NO_ANSWER.test(code) || LATE.test(code) ? '' : undefined;
}

export function codeOf(error: unknown): string {
  let code = '';
  for (let at = error; at instanceof Error; at = firstOf(at)) {
    const own = (at as { code?: unknown }).code;
    code = typeof own === 'string' ? own : at.name === 'TimeoutError' ? at.name : code;
  }
  return code;
}

function firstOf(error: Error): unknown {
  return error.cause ?? (error instanceof AggregateError ? error.errors[0] : undefined);
}

/** One line: with the cause where the message leaves it out, as `fetch failed` does. */
export function messageOf(error: unknown): string {
  const { message = '', cause } = error as Error;
  const own = message || codeOf(error) || `${error}`;
  const reason = cause instanceof Error ? cause.message || codeOf(cause) : '';
  const isTold = error instanceof TypeError && !own.includes(reason);
  return isTold ? `${own}: ${reason}` : own;
}

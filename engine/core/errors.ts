/**
 * A fault outside the process, told to the caller: a stable `code`, a message that names
 * what to do next, and whether trying again can help. A broken invariant is an assertion,
 * a refusal is a return value; neither is an EngineError.
 */
export class EngineError extends Error {
  readonly code: string;
  readonly canRetry: boolean;

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; canRetry?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'EngineError';
    this.code = code;
    this.canRetry = options.canRetry ?? false;
  }
}

/** Asserts an invariant; the process is meant to die of it. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${message}`);
}

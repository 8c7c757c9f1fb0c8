/**
 * EngineError: a fault outside the process, with a stable `code`, a message that says what to do
 * next, and whether a retry can help. A broken invariant is an assertion; a refusal is a return
 * value; neither is an EngineError.
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

/**
 * The ring, the journal or the log no longer keeps what the rest relies on. Nothing catches this
 * error: the process ends, and a restart rebuilds its state from disk.
 */
export class BrokenInvariant extends Error {
  constructor(message: string) {
    super(`broken invariant: ${message}`);
    this.name = 'BrokenInvariant';
  }
}

/** Throws BrokenInvariant unless `condition` holds. Only for the state of ring, journal and log. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BrokenInvariant(message);
}

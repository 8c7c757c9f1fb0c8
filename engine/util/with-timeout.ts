/** Adds a time-out to a function that takes a callback. */

/** Runs a callback function that may never call back. */
export function settledWithin(ms: number, run: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    run(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

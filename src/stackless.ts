/**
 * Errors that are answers. Whoever is asked for what only the leader does says so to every caller,
 * under load thousands of times a second, and where in the code it was said tells nobody anything:
 * the stack that goes with an error would cost more than the rest of the answer.
 */

/** The error that `make` makes, without a stack: its name and message alone. */
export function stackless<E extends Error>(make: () => E): E {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

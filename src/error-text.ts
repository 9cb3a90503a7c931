/** What was caught may be anything; these make it an error, or its text. */

/** Message of an error, or the value itself as a text. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The error itself, or one that says the value. */
export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/**
 * What an invoked promise brought, for actions outside of the chart: XState types these events only
 * where they are handled, not in a machine's own events.
 */

import { textOf } from '../src/error-text.ts';

/** Output of the promise whose `onDone` this is. */
export function outputOf<T>(event: unknown): T {
  return (event as { readonly output: T }).output;
}

/** Text of the failure whose `onError` this is. */
export function failureOf(event: unknown): string {
  return textOf((event as { readonly error?: unknown }).error);
}

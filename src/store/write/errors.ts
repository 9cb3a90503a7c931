/** Refusals that several commands share; clients match these texts. */

import { StoreError } from '../transaction.ts';

export const MISSING_NODE = 'Missing node registration';
export const MISSING_SERVICE = 'Missing service registration';

/** A text quoted as Go's %q does for plain text. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** Refuses the command. */
export function refuse(text: string): never {
  throw new StoreError(text);
}

/** Runs `write` and puts `prefix` before (and `suffix` after) its refusal. */
export function wrapped<T>(prefix: string, write: () => T, suffix = ''): T {
  try {
    return write();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new StoreError(`${prefix}${error.message}${suffix}`, { cause: error });
  }
}

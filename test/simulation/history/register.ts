/**
 * What callers believe a key, or a service of the catalog, to be: a place that holds one value or
 * none. All values written to a place are different, so that the index of a value names it.
 */

import type { Operation, SequentialModel } from './linearizable.ts';

export type RegisterCall =
  /** However it is read: both kinds must tell what was acknowledged. */
  | { readonly kind: 'read'; readonly mode: 'consistent' | 'default' }
  /** No value: it is deleted. */
  | { readonly kind: 'write'; readonly value: string | null }
  /** Written only if the place still holds `expected`. */
  | { readonly kind: 'swap'; readonly expected: string | null; readonly value: string };

export type RegisterAnswer =
  | { readonly kind: 'value'; readonly value: string | null }
  | { readonly kind: 'written' }
  | { readonly kind: 'swapped'; readonly done: boolean };

export type RegisterOperation = Operation<RegisterCall, RegisterAnswer>;

export const REGISTER: SequentialModel<string | null, RegisterCall, RegisterAnswer> = {
  initial: null,
  step: (state, call, answer) => {
    switch (call.kind) {
      case 'read':
        return answer?.kind === 'value' && answer.value !== state ? undefined : state;
      case 'write':
        return call.value;
      case 'swap': {
        const fits = call.expected === state;
        if (answer?.kind === 'swapped' && answer.done !== fits) return undefined;
        return fits ? call.value : state;
      }
      default:
        return call satisfies never;
    }
  },
  fingerprint: (state) => state ?? '-',
};

/** What was understood must be said again in a way that is understood the same. */

import { isDeepStrictEqual } from 'node:util';
import { Broken } from '../engine/target.ts';

/** Comparing what is large takes longer than reading it. */
const INPUT_BYTES_MAX = 8192;

/** Writes `value`, which was read from `input`, and reads it again. */
export function roundTrips(input: Uint8Array, value: unknown, again: () => unknown): void {
  if (input.length > INPUT_BYTES_MAX) return;
  const reread = again();
  if (isDeepStrictEqual(value, reread)) return;
  if (isDeepStrictEqual(emptyAsNone(value), emptyAsNone(reread))) return;
  throw new Broken('what was read and written again is read as something else');
}

/** A field that is left out when empty (Go's omitempty) comes back as none. */
function emptyAsNone(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return value.length === 0 ? null : value;
  if (Array.isArray(value)) return value.length === 0 ? null : value.map(emptyAsNone);
  if (value instanceof Map || value instanceof Date) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, field]) => [key, emptyAsNone(field)]));
}

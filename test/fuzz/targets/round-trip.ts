/** What was understood must be said again in a way that is understood the same. */

import { isDeepStrictEqual } from 'node:util';
import { Broken } from '../engine/target.ts';

/** Comparing what is large takes longer than reading it. */
const INPUT_BYTES_MAX = 8192;

/** Writes `value`, which was read from `input`, and reads it again. */
export function roundTrips(input: Uint8Array, value: unknown, again: () => unknown): void {
  if (input.length > INPUT_BYTES_MAX || isDeepStrictEqual(value, again())) return;
  throw new Broken('what was read and written again is read as something else');
}

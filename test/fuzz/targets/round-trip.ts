/** What was understood must be said again in a way that is understood the same. */

import { isDeepStrictEqual } from 'node:util';
import { Broken } from '../engine/target.ts';

export function roundTrips(value: unknown, again: unknown): void {
  if (!isDeepStrictEqual(value, again)) {
    throw new Broken('what was read and written again is read as something else');
  }
}

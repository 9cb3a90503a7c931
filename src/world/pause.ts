/** Waiting on the clock of a world. */

import type { Clock } from './world.ts';

/** Resolves after so many milliseconds; after 0, when everything that is ready has had its turn. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(() => resolve(), ms);
  });
}

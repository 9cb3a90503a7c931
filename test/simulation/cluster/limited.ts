import type { Clock } from '../../../src/world/world.ts';

/** Servers that die never answer: the caller's own clock ends the wait. */
export function limited<T>(answer: Promise<T>, clock: Clock, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new Error('no answer in time')), ms);
    answer.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}

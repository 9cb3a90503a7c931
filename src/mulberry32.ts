/**
 * Mulberry32, a small generator of random numbers whose whole state is one 32-bit integer: chance for
 * pure machines, which keep the state in their context. Not for secrets.
 */

/** The state after this one. */
export function nextState(state: number): number {
  return (state + 0x6d2b79f5) | 0;
}

/** The number that a state stands for, 0 … 2^32-1. */
export function drawOf(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (mixed ^ (mixed >>> 14)) >>> 0;
}

/** The number after this one, for who uses the number itself as the state. */
export function nextRandom(state: number): number {
  return drawOf(nextState(state));
}

/**
 * Keys that may not be locked yet: after a lock was lost with its session, nobody may take it for the
 * lock-delay. Each server counts for itself, by its own clock, from when it applied the end.
 */

import type { Clock } from '../world/world.ts';

/** Keys remembered; beyond, the one that expires first by order of arrival is forgotten. */
export const KEYS_MAX = 100_000;

export class LockDelays {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes delays that begin now. */
  add(delays: readonly { readonly key: string; readonly delayMs: number }[]): void {
    const nowMs = this.#clock.monotonic();
    for (const { key, delayMs } of delays) {
      this.#untilMs.delete(key);
      this.#untilMs.set(key, nowMs + delayMs);
      const oldest = this.#untilMs.keys().next().value;
      if (this.#untilMs.size > KEYS_MAX && oldest !== undefined) this.#untilMs.delete(oldest);
    }
  }

  /** Milliseconds until `key` may be locked; 0 = now. */
  remainingMs(key: string): number {
    const untilMs = this.#untilMs.get(key);
    if (untilMs === undefined) return 0;
    const remaining = untilMs - this.#clock.monotonic();
    if (remaining > 0) return remaining;
    this.#untilMs.delete(key);
    return 0;
  }
}

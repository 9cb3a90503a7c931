/**
 * Keys that may not be locked for a while, because the session that held them ended: whoever held
 * the lock may still believe so. Kept in memory by each server, asked by the leader; in no snapshot.
 */

import type { Clock } from '../world/world.ts';
import type { LockDelay } from './transaction.ts';

/** Keys remembered at a time; beyond, delays that are over are dropped, then the oldest. */
export const LOCK_DELAYS_MAX = 100_000;

export class LockDelays {
  readonly #clock: Clock;
  /** Key → monotonic time in milliseconds at which the delay is over. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#until.size;
  }

  /** Starts the delay of a key; a running one is replaced. */
  begin({ key, delayMs }: LockDelay): void {
    this.#until.delete(key);
    this.#until.set(key, this.#clock.monotonic() + delayMs);
    if (this.#until.size > LOCK_DELAYS_MAX) this.#shrink();
  }

  /** Milliseconds for which the key may not be locked yet; 0 = it may. */
  remainingMs(key: string): number {
    const until = this.#until.get(key);
    if (until === undefined) return 0;
    const remaining = until - this.#clock.monotonic();
    if (remaining > 0) return remaining;
    this.#until.delete(key);
    return 0;
  }

  clear(): void {
    this.#until.clear();
  }

  #shrink(): void {
    const now = this.#clock.monotonic();
    for (const [key, until] of this.#until) if (until <= now) this.#until.delete(key);
    for (const key of this.#until.keys()) {
      if (this.#until.size <= LOCK_DELAYS_MAX) return;
      this.#until.delete(key);
    }
  }
}

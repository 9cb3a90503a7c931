/** A clock that moves only when told to. Timers fire in order of due time, then of arming. */

import type { Clock, TimerId } from '../../src/world/world.ts';

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly fn: () => void;
}

export class ManualClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #timers = new Map<number, Timer>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  get armed(): number {
    return this.#timers.size;
  }

  setTimeout(fn: () => void, timeoutMs: number): TimerId {
    this.#order += 1;
    this.#timers.set(this.#order, { due: this.#now + timeoutMs, order: this.#order, fn });
    return this.#order;
  }

  clearTimeout(id: TimerId): void {
    this.#timers.delete(id as number);
  }

  /** Moves on, letting promises settle between timers. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = [...this.#timers.values()].sort((a, b) => a.due - b.due || a.order - b.order)[0];
      if (next === undefined || next.due > until) break;
      this.#timers.delete(next.order);
      this.#now = next.due;
      next.fn();
    }
    this.#now = until;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

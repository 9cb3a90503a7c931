/** One line a refused connection, but never a flood: what is beyond the rate is counted. */

import type { Log } from '../log.ts';
import type { Clock, Endpoint } from '../world/world.ts';

/** Lines a second; a scan of the port must not fill the disk. */
const LINES_PER_SECOND_MAX = 10;
const SECOND_MS = 1000;

export class RefusalLog {
  readonly #log: Log;
  readonly #clock: Clock;
  #second = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #suppressed = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  refused(from: Endpoint, reason: string): void {
    const now = this.#clock.monotonic();
    if (now - this.#second >= SECOND_MS) {
      this.#second = now;
      this.#lines = 0;
    }
    if (this.#lines >= LINES_PER_SECOND_MAX) {
      this.#suppressed += 1;
      return;
    }
    this.#lines += 1;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    this.#log.warn('connection refused', {
      from: `${from.address}:${from.port}`,
      reason,
      ...(suppressed > 0 && { suppressed }),
    });
  }
}

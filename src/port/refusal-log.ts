/** One line a refused or broken connection, never a flood: what is beyond the rate is counted. */

import type { Log } from '../log.ts';
import type { Clock, Endpoint } from '../world/world.ts';

/** Lines a second; a scan of the port must not fill the disk. */
const LINES_PER_SECOND_MAX = 10;
const SECOND_MS = 1000;

export class RefusalLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #text: string;
  #second = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #suppressed = 0;

  constructor(log: Log, clock: Clock, text = 'connection refused') {
    this.#log = log;
    this.#clock = clock;
    this.#text = text;
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
    this.#log.warn(this.#text, {
      from: `${from.address}:${from.port}`,
      reason,
      ...(suppressed > 0 && { suppressed }),
    });
  }
}

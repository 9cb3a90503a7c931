/** Writing at the pace of whoever reads. */

/**
 * Between the events of a stream and the one who writes to it: when `write` has returned false,
 * `room` says when to go on.
 */
export class WritePace {
  #over = false;
  #resume = (): void => {};

  /** Whether the stream takes nothing any more. */
  get over(): boolean {
    return this.#over;
  }

  /** The stream has taken what was waiting. */
  drained(): void {
    this.#resume();
  }

  /** The stream is gone, or nobody wants the rest. */
  end(): void {
    this.#over = true;
    this.#resume();
  }

  /** Resolves when the stream takes more, or never will. One may wait at a time. */
  room(): Promise<void> {
    if (this.#over) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }
}

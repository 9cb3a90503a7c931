/**
 * Long work shares the event loop: it goes on for a few milliseconds, then everybody else has a
 * turn. A snapshot of a million keys is encoded, and read again, without a pause that heartbeats
 * would notice.
 */

import { pause } from './pause.ts';
import type { Clock } from './world.ts';

/** Work goes on this long before others have a turn. */
export const TURN_MS = 5;
/** Bytes that are worked on without looking at the clock: a millisecond's work, about. */
const PIECE_BYTES = 32_768;

export class Turns {
  readonly #clock: Clock;
  #beganMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beganMs = clock.monotonic();
  }

  /** Whether it is somebody else's turn. Ask between steps of a millisecond or less. */
  get over(): boolean {
    return this.#clock.monotonic() - this.#beganMs >= TURN_MS;
  }

  /** Resolves when everybody else has had a turn. */
  async next(): Promise<void> {
    await pause(this.#clock, 0);
    this.#beganMs = this.#clock.monotonic();
  }
}

/** The same bytes in small pieces, handed on turn by turn. */
export async function* paced(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const turns = new Turns(clock);
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      if (turns.over) await turns.next();
      yield chunk.subarray(at, at + PIECE_BYTES);
    }
  }
}

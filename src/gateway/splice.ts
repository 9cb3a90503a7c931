/**
 * Joins two streams: what one receives the other sends, in both directions, with back-pressure and
 * half-close carried through. Nothing is looked at or kept.
 */

import type { ByteStream } from '../world/world.ts';

export interface SpliceCounters {
  /** Bytes that went from `near` to `far`, and back. */
  forward(bytes: number): void;
  backward(bytes: number): void;
}

export interface Splice {
  /** Cuts both sides. */
  destroy(error?: Error): void;
}

/** `done` is called once, when both sides are gone; `error` is what ended it out of order. */
export function splice(
  near: ByteStream,
  far: ByteStream,
  counters: SpliceCounters,
  done: (error?: Error) => void,
): Splice {
  let open = 2;
  let failure: Error | undefined;
  const closed = (other: ByteStream, orderly: boolean, error?: Error): void => {
    failure ??= error;
    open -= 1;
    if (open === 0) done(failure);
    // After an orderly end the other side still has to send what it was given.
    else if (!orderly) other.destroy(error);
  };
  const join = (from: ByteStream, to: ByteStream, count: (bytes: number) => void): void => {
    let ended = false;
    from.listen({
      data: (chunk) => {
        count(chunk.length);
        if (!to.write(chunk)) from.pause();
      },
      end: () => {
        ended = true;
        to.end();
      },
      // The write buffer of `from` is empty again: whoever fills it may go on.
      drain: () => to.resume(),
      closed: (error) => closed(to, ended && error === undefined, error),
    });
  };
  join(near, far, counters.forward);
  join(far, near, counters.backward);
  return {
    destroy: (error) => {
      near.destroy(error);
      far.destroy(error);
    },
  };
}

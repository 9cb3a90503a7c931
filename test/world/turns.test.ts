/** Long work in turns of a few milliseconds. */

import { describe, expect, it } from 'vitest';
import { paced, TURN_MS } from '../../src/world/turns.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** Each look at it takes a millisecond, and each turn that others have is counted. */
class WorkingClock extends ManualClock {
  turns = 0;
  #worked = 0;

  override monotonic(): number {
    this.#worked += 1;
    return this.#worked;
  }

  override setTimeout(fn: () => void): number {
    this.turns += 1;
    setImmediate(fn);
    return 0;
  }
}

describe('paced bytes', () => {
  it('are the same bytes in small pieces, with turns for others between them', async () => {
    const clock = new WorkingClock();
    const whole = Buffer.alloc(1_000_000, 'some bytes ');
    const chunks = [whole.subarray(0, 700_000), whole.subarray(700_000)];
    const pieces: Uint8Array[] = [];
    for await (const piece of paced(chunks, clock)) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(whole)).toBe(true);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(100_000);
    expect(clock.turns).toBeGreaterThanOrEqual(Math.floor(pieces.length / (TURN_MS + 2)));
    expect(clock.turns).toBeLessThan(pieces.length);
  });
});

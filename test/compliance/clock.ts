/** What every clock and every source of chance must do. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bench, OpenBench } from './bench.ts';

export function clockCompliance(name: string, open: OpenBench): void {
  describe(`clock and chance of the ${name} world`, () => {
    let bench: Bench;
    beforeEach(async () => {
      bench = await open();
    });
    afterEach(() => bench.close());

    it('fires timers in order of time, ties in order of arming, cleared ones never', async () => {
      const { clock } = bench.world;
      const fired: string[] = [];
      const note = (text: string) => () => void fired.push(text);
      const begin = clock.monotonic();
      await bench.settle(
        new Promise<void>((resolve) => {
          clock.setTimeout(() => resolve(), 30);
          clock.setTimeout(note('b1'), 10);
          clock.setTimeout(note('a'), 2);
          clock.setTimeout(note('b2'), 10);
          clock.clearTimeout(clock.setTimeout(note('never'), 5));
        }),
      );
      expect(fired).toEqual(['a', 'b1', 'b2']);
      expect(clock.monotonic() - begin).toBeGreaterThanOrEqual(29);
    });

    it('does not fire a timer of two months at once', async () => {
      const { clock } = bench.world;
      let fired = false;
      const far = clock.setTimeout(() => {
        fired = true;
      }, 60 * 86_400_000);
      await bench.settle(new Promise<void>((resolve) => clock.setTimeout(() => resolve(), 5)));
      clock.clearTimeout(far);
      expect(fired).toBe(false);
    });

    it('gives numbers in their ranges and bytes of the length asked for', () => {
      const { random } = bench.world;
      const floats = Array.from({ length: 2000 }, () => random.float());
      expect(floats.every((f) => f >= 0 && f < 1)).toBe(true);
      expect(floats.reduce((a, b) => a + b) / 2000).toBeCloseTo(0.5, 1);
      const words = Array.from({ length: 2000 }, () => random.uint32());
      expect(words.every((w) => Number.isInteger(w) && w >= 0 && w < 2 ** 32)).toBe(true);
      expect(new Set(words).size).toBeGreaterThan(1990);
      expect(random.bytes(33)).toHaveLength(33);
      expect(random.bytes(16)).not.toEqual(random.bytes(16));
    });
  });
}

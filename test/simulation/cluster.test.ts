/**
 * Goal: whole groups of servers keep every promise of consensus and of the store, whatever befalls
 * them. Some seeds here; `npm run sim` plays as many as one likes, and cuts a failing one down.
 */

import { describe, expect, it } from 'vitest';
import { minimise } from './cluster/minimise.ts';
import { planOf } from './cluster/plan.ts';
import { play, RunFailure } from './cluster/play.ts';

const SEEDS = Number(process.env['MOBIUS_SEEDS'] ?? 8);
const FIRST_SEED = Number(process.env['MOBIUS_SEED'] ?? 1);

describe('groups of servers under faults', () => {
  it(`keep their promises, ${SEEDS} seeds from ${FIRST_SEED}`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      try {
        const { answered, woken } = await play(planOf(seed));
        expect(answered).toBeGreaterThan(10);
        expect(woken).toBeGreaterThan(0);
      } catch (error) {
        const story = error instanceof RunFailure ? `\n${error.story.join('\n')}` : '';
        throw new Error(`npm run sim -- --seeds 1 --seed ${seed}${story}`, { cause: error });
      }
    }
  }, 300_000);

  it('run the same way from the same seed', async () => {
    const plan = planOf(77);
    const one = await play(plan);
    const two = await play(plan);
    expect(two).toEqual(one);
  }, 60_000);

  it('are cut down to what makes them fail', async () => {
    const faults = [{ number: 0, kind: 'killed', atMs: 50, lastsMs: 100_000 } as const];
    // Without a caller nobody can take the last look: that fails, whatever befalls the servers.
    const plan = { ...planOf(5, { servers: 3 }), faults, callers: 0 };
    const failure = await play(plan).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(RunFailure);
    const smallest = await minimise(failure as RunFailure);
    expect(smallest.message).toBe((failure as RunFailure).message);
    expect(smallest.plan.faults).toEqual([]);
    expect(smallest.plan.stormMs).toBeLessThan(200);
  }, 60_000);
});

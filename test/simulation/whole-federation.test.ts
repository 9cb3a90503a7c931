/**
 * Goal: two datacenters of whole agents and whole gateways, with the same LAN addresses, connected
 * by the gateways alone, keep what they acknowledged whatever befalls them, and are whole again soon
 * after the last fault. A failing run prints its seed; `MOBIUS_SEED=<seed>` runs that one alone,
 * `MOBIUS_SEEDS=<count>` runs so many.
 */

import { afterAll, describe, expect, test, vi } from 'vitest';
import { FAULTS, type Fault } from '../support/whole/faults.ts';
import { RARE_FAULTS } from '../support/whole/rare-faults.ts';
import { runScenario, type ScenarioResult } from '../support/whole/scenario.ts';

vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  const { deterministicSign } = await import('../support/deterministic-sign.ts');
  return { ...crypto, sign: deterministicSign(crypto) };
});

const FIRST_SEED = 4000;
const SEEDS = 3;

function seeds(): readonly number[] {
  const { MOBIUS_SEED: one, MOBIUS_SEEDS: count = SEEDS } = process.env;
  if (one !== undefined) return [Number(one)];
  return Array.from({ length: Number(count) }, (_, n) => FIRST_SEED + n);
}

/** `MOBIUS_RARE=1` adds the faults of disks, clocks and of the program itself. */
function faults(): readonly Fault[] {
  return process.env['MOBIUS_RARE'] === undefined ? FAULTS : [...FAULTS, ...RARE_FAULTS];
}

describe('a whole federation of two datacenters', () => {
  const results = new Map<number, ScenarioResult>();
  afterAll(() => {
    const healed = [...results.values()].map(({ healMs }) => (healMs / 1000).toFixed(0));
    console.log(`whole again after ${healed.join(' ')} s, simulated`);
  });

  test.each(seeds())(
    'seed %i is whole again after all faults',
    { timeout: 120_000 },
    async (seed) => {
      const result = await runScenario(seed, faults());
      if (process.env['MOBIUS_SEED'] !== undefined) console.log(result.story.join('\n'));
      results.set(seed, result);
      expect(result.acknowledged).toBeGreaterThan(100);
    },
  );

  test('the same seed gives the same run', { timeout: 120_000 }, async () => {
    const seed = seeds()[0] ?? FIRST_SEED;
    const one = results.get(seed) ?? (await runScenario(seed, faults()));
    const two = await runScenario(seed, faults());
    const parts = two.trace.findIndex((line, at) => line !== one.trace[at]);
    expect(two.trace.slice(parts, parts + 3)).toEqual(one.trace.slice(parts, parts + 3));
    expect(two.story).toEqual(one.story);
    expect(two.hash).toBe(one.hash);
  });
});

// The short way of quiet events ends where the chart's own way ends, with the same actions.

import { expect, test } from 'vitest';
import { LayeredMap } from '../../../machines/gossip/layered-map.ts';
import { type PoolContext, poolMachine } from '../../../machines/gossip/pool.ts';
import { quietly } from '../../../machines/gossip/quiet.ts';
import { withShortWay } from '../../../machines/short-way.ts';
import { drawOf, nextState } from '../../../src/mulberry32.ts';
import { eventsOf, modelInput } from '../../support/pool-events.ts';
import { createStepper, type Step } from '../../support/step.ts';

const SEEDS = 20;
const STEPS = 120;

function text({ snapshot: { status, value, context }, effects }: Step): string {
  const { pool, wakeMs, leavers } = context as PoolContext;
  return JSON.stringify([status, value, pool, wakeMs, leavers.length, effects], (key, item) => {
    if (key === 'stream') return key;
    if (item instanceof Map || item instanceof LayeredMap || item instanceof Set) return [...item];
    return typeof item === 'bigint' ? `${item}n` : item;
  });
}

test('both ways lead to the same', () => {
  const chart = createStepper(poolMachine);
  const quick = createStepper(withShortWay(poolMachine, quietly));
  let short = 0;
  let long = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    let random = seed;
    let { snapshot } = chart.start({ ...modelInput, seed });
    for (let step = 0; step < STEPS; step++) {
      random = nextState(random);
      const events = eventsOf(snapshot);
      // Leaves come late, or there would be little before them.
      const count = step < STEPS - 10 ? events.length - 1 : events.length;
      const drawn = events[drawOf(random) % count];
      if (drawn === undefined) continue;
      const nowMs = (snapshot.context as PoolContext).pool.nowMs + (drawOf(random) % 1_500);
      const event = { nowMs, ...drawn };
      const expected = chart.next(snapshot, event);
      const actual = quick.next(snapshot, event);
      expect(text(actual), `seed ${seed}, step ${step}: ${event.type}`).toBe(text(expected));
      if (expected.taken.length > 0 && actual.taken.length === 0) short += 1;
      else long += 1;
      snapshot = actual.snapshot;
    }
  }
  expect(short).toBeGreaterThan(250);
  expect(long).toBeGreaterThan(250);
});

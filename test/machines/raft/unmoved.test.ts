// Inputs that leave the chart where it is end where the chart's own way ends, with the same actions.

import { expect, test } from 'vitest';
import { type RaftContext, type RaftEvent, raftMachine } from '../../../machines/raft/raft.ts';
import { unmoved } from '../../../machines/raft/unmoved.ts';
import { withShortWay } from '../../../machines/short-way.ts';
import { drawOf, nextState } from '../../../src/mulberry32.ts';
import { eventsOf, MODEL_INPUT } from '../../support/raft/chart-events.ts';
import { createStepper } from '../../support/step.ts';

const SEEDS = 200;
const STEPS = 60;
const ENDS: ReadonlySet<string> = new Set<RaftEvent['type']>([
  'raft.stop',
  'shutdown',
  'storage.unreadable',
]);

test('both ways lead to the same', () => {
  const chart = createStepper(raftMachine);
  const quick = createStepper(withShortWay(raftMachine, unmoved));
  let short = 0;
  let long = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    let random = seed;
    let { snapshot } = chart.start({ ...MODEL_INPUT, seed });
    for (let step = 0; step < STEPS; step++) {
      random = nextState(random);
      const ending = step >= STEPS - 5;
      const events = eventsOf(snapshot.context as RaftContext).filter(
        ({ type }) => ending || !ENDS.has(type),
      );
      const event = events[drawOf(random) % events.length] as RaftEvent;
      const expected = chart.next(snapshot, event);
      const actual = quick.next(snapshot, event);
      const where = `seed ${seed}, step ${step}: ${event.type}`;
      expect(actual.snapshot.status, where).toBe(expected.snapshot.status);
      expect(actual.snapshot.value, where).toEqual(expected.snapshot.value);
      expect(actual.snapshot.context, where).toEqual(expected.snapshot.context);
      expect(actual.effects, where).toEqual(expected.effects);
      if (expected.taken.length > 0 && actual.taken.length === 0) short += 1;
      else long += 1;
      snapshot = actual.snapshot;
    }
  }
  expect(short).toBeGreaterThan(1_000);
  expect(long).toBeGreaterThan(1_000);
});

import { expect, test } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import {
  TOMBSTONE_TIMES,
  type TombstoneGcContext,
  type TombstoneGcEvent,
  tombstoneGcMachine,
} from '../../../machines/server/tombstone-gc.ts';
import { modelTest } from '../../support/model-test.ts';

const { ttlMs, stepMs } = TOMBSTONE_TIMES;

const events: readonly TombstoneGcEvent[] = [
  { type: 'leadership.gained', term: 2 },
  { type: 'leadership.lost', term: 2 },
  { type: 'tombstones.seen', newest: 7 },
  { type: 'reap.failed', error: new Error('leadership lost') },
];

test('the model reaches every state and transition of the reaping of tombstones', () => {
  modelTest(tombstoneGcMachine, {
    inputs: [{ ttlMs: 2_000, stepMs: 1_000 }],
    events,
    key: ({ marks, reaped }: TombstoneGcContext) => [marks, reaped],
  });
});

/** A leader whose newest tombstone is as the test says. */
function leading() {
  const reaped: number[] = [];
  const clock = new SimulatedClock();
  let newest = 0;
  const actor = createActor(
    tombstoneGcMachine.provide({
      actions: {
        look: ({ self }) => self.send({ type: 'tombstones.seen', newest }),
        reap: (_, { index }) => void reaped.push(index),
      },
    }),
    { clock, input: TOMBSTONE_TIMES },
  ).start();
  actor.send({ type: 'leadership.gained', term: 2 });
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += stepMs) clock.increment(stepMs);
  };
  const bury = (index: number): void => {
    newest = index;
  };
  return { actor, reaped, pass, bury };
}

test('a tombstone is reaped when it has been there for the TTL, once', () => {
  const { reaped, pass, bury } = leading();
  bury(7);
  pass(ttlMs);
  expect(reaped).toEqual([]);
  pass(stepMs);
  expect(reaped).toEqual([7]);
  pass(2 * ttlMs);
  expect(reaped).toEqual([7]);
});

test('each step has its own index', () => {
  const { reaped, pass, bury } = leading();
  for (const index of [3, 4, 9]) {
    bury(index);
    pass(stepMs);
  }
  pass(ttlMs - 3 * stepMs);
  expect(reaped).toEqual([]);
  pass(3 * stepMs);
  expect(reaped).toEqual([3, 4, 9]);
});

test('a new leadership counts from its own beginning', () => {
  const { actor, reaped, pass, bury } = leading();
  bury(7);
  pass(ttlMs);
  actor.send({ type: 'leadership.lost', term: 2 });
  pass(ttlMs);
  expect(reaped).toEqual([]);
  actor.send({ type: 'leadership.gained', term: 4 });
  pass(ttlMs - stepMs);
  expect(reaped).toEqual([]);
  pass(stepMs);
  expect(reaped).toEqual([7]);
});

test('what could not be written is tried again in the next step', () => {
  const { actor, reaped, pass, bury } = leading();
  bury(7);
  pass(ttlMs + stepMs);
  actor.send({ type: 'reap.failed', error: new Error('timed out enqueuing') });
  pass(stepMs);
  expect(reaped).toEqual([7, 7]);
});

test('nothing is reaped where nothing was ever deleted', () => {
  const { reaped, pass } = leading();
  pass(3 * ttlMs);
  expect(reaped).toEqual([]);
});

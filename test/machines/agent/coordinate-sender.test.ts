import { expect, test } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import {
  type CoordinateSenderEvent,
  coordinateSenderMachine,
  INTERVAL_MIN_MS,
  pauseMsOf,
} from '../../../machines/agent/coordinate-sender.ts';
import { ORIGIN } from '../../../machines/gossip/vivaldi.ts';
import type { CoordinatesView, MembersView } from '../../../src/model/member.ts';
import { modelTest } from '../../support/model-test.ts';

const coordinates: CoordinatesView = {
  pool: 'lan',
  self: 'node1',
  own: { ...ORIGIN, Height: 0.5 },
  others: new Map(),
};
const members: MembersView = {
  pool: 'lan',
  self: 'node1',
  version: 1,
  members: new Map(),
  changes: [],
};

const events: readonly CoordinateSenderEvent[] = [
  { type: 'coordinates.changed', view: coordinates },
  { type: 'lan-members.changed', view: members },
  { type: 'update.sent' },
  { type: 'update.failed', error: new Error('No cluster leader') },
];

test('the model reaches every state and transition of the sender', () => {
  modelTest(coordinateSenderMachine, {
    inputs: [{ seed: 1 }],
    events,
    key: ({ coordinate }) => coordinate !== null,
  });
});

test('nothing is sent before the pool has told a coordinate; then the latest, each interval', () => {
  const clock = new SimulatedClock();
  const sent: unknown[] = [];
  const machine = coordinateSenderMachine.provide({
    actions: { sendUpdate: (_, { coordinate }) => void sent.push(coordinate) },
  });
  const actor = createActor(machine, { clock, input: { seed: 7 } }).start();
  clock.increment(2 * INTERVAL_MIN_MS);
  expect(sent).toEqual([]);
  actor.send({ type: 'coordinates.changed', view: { ...coordinates, own: ORIGIN } });
  actor.send({ type: 'coordinates.changed', view: coordinates });
  clock.increment(2 * INTERVAL_MIN_MS);
  expect(sent).toEqual([coordinates.own]);
  actor.send({ type: 'update.failed', error: new Error('No cluster leader') });
  clock.increment(INTERVAL_MIN_MS - 1);
  expect(sent).toHaveLength(1);
  clock.increment(INTERVAL_MIN_MS + 1);
  expect(sent).toHaveLength(2);
  actor.stop();
});

test('agents tell their coordinate every 15 to 30 s, and more rarely when they are many', () => {
  expect(pauseMsOf(0, 0)).toBe(15_000);
  expect(pauseMsOf(960, 0.5)).toBe(22_500);
  expect(pauseMsOf(6_400, 0)).toBe(100_000);
  expect(pauseMsOf(6_400, 0.25)).toBe(125_000);
});

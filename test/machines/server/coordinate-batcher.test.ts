import { expect, test } from 'vitest';
import { createActor, SimulatedClock } from 'xstate';
import { ORIGIN } from '../../../machines/gossip/vivaldi.ts';
import {
  BATCH_PERIOD_MS,
  BATCH_SIZE,
  type CoordinateBatcherEvent,
  coordinateBatcherMachine,
  PENDING_MAX,
} from '../../../machines/server/coordinate-batcher.ts';
import type { Coordinate } from '../../../src/model/coordinate.ts';
import { modelTest } from '../../support/model-test.ts';

function coordinateAt(node: string, height = 1e-5): Coordinate {
  return { Node: node, Segment: '', Coord: { ...ORIGIN, Height: height } };
}

function manyFrom(first: number, count: number): readonly Coordinate[] {
  return Array.from({ length: count }, (_, at) => coordinateAt(`node${first + at}`));
}

const events: readonly CoordinateBatcherEvent[] = [
  { type: 'coordinates.update', coordinates: [coordinateAt('node1')] },
  { type: 'coordinates.update', coordinates: manyFrom(0, PENDING_MAX + 1) },
  { type: 'batches.written' },
  { type: 'batches.failed', error: new Error('node is not the leader') },
];

test('the model reaches every state and transition of the batcher', () => {
  modelTest(coordinateBatcherMachine, {
    events,
    key: ({ pending, dropped }) => [pending.size > 0, dropped > 0],
  });
});

function startBatcher() {
  const clock = new SimulatedClock();
  const written: (readonly (readonly Coordinate[])[])[] = [];
  const dropped: number[] = [];
  const machine = coordinateBatcherMachine.provide({
    actions: {
      writeBatches: (_, params) => void written.push(params.batches),
      announceDropped: (_, params) => void dropped.push(params.dropped),
    },
  });
  const actor = createActor(machine, { clock }).start();
  const update = (coordinates: readonly Coordinate[]): void =>
    actor.send({ type: 'coordinates.update', coordinates });
  return { clock, actor, update, written, dropped };
}

test('what comes within five seconds is written together, the latest of each node', () => {
  const { clock, update, written, actor } = startBatcher();
  update([coordinateAt('node1')]);
  clock.increment(BATCH_PERIOD_MS - 1);
  update([coordinateAt('node2'), coordinateAt('node1', 0.25)]);
  expect(written).toEqual([]);
  clock.increment(1);
  expect(written).toEqual([[[coordinateAt('node1', 0.25), coordinateAt('node2')]]]);
  actor.send({ type: 'batches.written' });
  clock.increment(10 * BATCH_PERIOD_MS);
  expect(written).toHaveLength(1);
  actor.stop();
});

test('what comes during a write waits for the next period', () => {
  const { clock, update, written, actor } = startBatcher();
  update([coordinateAt('node1')]);
  clock.increment(BATCH_PERIOD_MS);
  update([coordinateAt('node2')]);
  clock.increment(10 * BATCH_PERIOD_MS);
  expect(written).toHaveLength(1);
  actor.send({ type: 'batches.failed', error: new Error('leadership lost') });
  clock.increment(BATCH_PERIOD_MS);
  expect(written[1]).toEqual([[coordinateAt('node2')]]);
  actor.stop();
});

test('five batches of 128 a period; the coordinates of further nodes are dropped and counted', () => {
  const { clock, update, written, dropped, actor } = startBatcher();
  update(manyFrom(0, PENDING_MAX));
  update(manyFrom(PENDING_MAX, 3));
  update([coordinateAt('node0', 0.5)]);
  clock.increment(BATCH_PERIOD_MS);
  expect(dropped).toEqual([3]);
  expect(written[0]?.map((batch) => batch.length)).toEqual(Array(5).fill(BATCH_SIZE));
  expect(written[0]?.[0]?.[0]).toEqual(coordinateAt('node0', 0.5));
  actor.stop();
});

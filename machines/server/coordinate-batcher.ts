/**
 * Coordinates that agents tell: kept for a while, then written to the store together, so that a
 * thousand agents cost a few log entries. A node that tells twice meanwhile is written once.
 */

import { setup } from 'xstate';
import type { Coordinate } from '../../src/model/coordinate.ts';
import type { Message } from '../messages.ts';

export const BATCH_PERIOD_MS = 5_000;
/** Coordinates of one log entry, and entries of one period. */
export const BATCH_SIZE = 128;
export const BATCHES_MAX = 5;
/** Nodes kept for the next batches; further ones are dropped and counted, and tell again. */
export const PENDING_MAX = BATCH_SIZE * BATCHES_MAX;

export type CoordinateBatcherEvent =
  | Message<'coordinates.update'>
  | { readonly type: 'batches.written' }
  | { readonly type: 'batches.failed'; readonly error: Error };

export interface CoordinateBatcherContext {
  /** The last coordinate of each node and segment. */
  readonly pending: ReadonlyMap<string, Coordinate>;
  readonly dropped: number;
  /** What is being written. */
  readonly batches: readonly (readonly Coordinate[])[];
}

/** `context` with more coordinates to be written. */
export function withUpdates(
  context: CoordinateBatcherContext,
  coordinates: readonly Coordinate[],
): Pick<CoordinateBatcherContext, 'pending' | 'dropped'> {
  const pending = new Map(context.pending);
  let { dropped } = context;
  for (const coordinate of coordinates) {
    const key = `${coordinate.Node}:${coordinate.Segment}`;
    if (pending.size < PENDING_MAX || pending.has(key)) pending.set(key, coordinate);
    else dropped += 1;
  }
  return { pending, dropped };
}

/** Cuts what is pending into batches. */
export function batchesOf(
  pending: ReadonlyMap<string, Coordinate>,
): readonly (readonly Coordinate[])[] {
  const all = [...pending.values()];
  const count = Math.ceil(all.length / BATCH_SIZE);
  return Array.from({ length: count }, (_, at) =>
    all.slice(at * BATCH_SIZE, (at + 1) * BATCH_SIZE),
  );
}

const batcherSetup = setup({
  types: { context: {} as CoordinateBatcherContext, events: {} as CoordinateBatcherEvent },
  actions: {
    /** Answered by `batches.written` or `batches.failed`. */
    writeBatches: (_, _params: { readonly batches: readonly (readonly Coordinate[])[] }) => {},
    announceDropped: (_, _params: { readonly dropped: number }) => {},
    announceFailure: (_, _params: { readonly error: Error }) => {},
  },
  guards: {
    anyPending: ({ context }) => context.pending.size > 0,
    anyDropped: ({ context }) => context.dropped > 0,
  },
  delays: { period: BATCH_PERIOD_MS },
});

const noteUpdates = batcherSetup.assign(({ context, event }) =>
  event.type === 'coordinates.update' ? withUpdates(context, event.coordinates) : {},
);
const takeBatches = batcherSetup.assign(({ context }) => ({
  pending: new Map<string, Coordinate>(),
  batches: batchesOf(context.pending),
}));
const forgetDropped = batcherSetup.assign({ dropped: 0 });
const forgetBatches = batcherSetup.assign({ batches: [] });

export const coordinateBatcherMachine = batcherSetup.createMachine({
  id: 'coordinate-batcher',
  context: { pending: new Map(), dropped: 0, batches: [] },
  initial: 'idle',
  options: { maxIterations: 1000 },
  on: { 'coordinates.update': { actions: noteUpdates } },
  states: {
    idle: { always: { guard: 'anyPending', target: 'gathering' } },
    gathering: {
      after: {
        period: [
          {
            guard: 'anyDropped',
            target: 'writing',
            actions: [
              { type: 'announceDropped', params: ({ context }) => ({ dropped: context.dropped }) },
              forgetDropped,
            ],
          },
          { target: 'writing' },
        ],
      },
    },
    writing: {
      entry: [
        takeBatches,
        { type: 'writeBatches', params: ({ context }) => ({ batches: context.batches }) },
      ],
      exit: forgetBatches,
      on: {
        'batches.written': 'idle',
        'batches.failed': {
          target: 'idle',
          actions: { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
  },
});

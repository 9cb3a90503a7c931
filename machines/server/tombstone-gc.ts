/**
 * When the graves of deleted keys may be levelled. While a tombstone is there, the index of what was
 * deleted never goes back; for ever it would be a leak. The leader alone decides, by its own clock,
 * and writes it to the log, so that all servers forget the same.
 *
 * No tombstone has a timer. In every step the index of the newest one is marked, and what was marked
 * a whole TTL ago is older than that. A new leader marks afresh: tombstones may then live longer,
 * never shorter.
 */

import { setup } from 'xstate';
import type { Message } from '../messages.ts';

export type TombstoneGcEvent =
  | Message<'leadership.gained'>
  | Message<'leadership.lost'>
  /** Raft index of the newest tombstone ever; 0 = there was none. */
  | { readonly type: 'tombstones.seen'; readonly newest: number }
  | { readonly type: 'reap.failed'; readonly error: Error };

export interface TombstoneGcInput {
  /** How long a tombstone is kept, at least; a multiple of the step. */
  readonly ttlMs: number;
  readonly stepMs: number;
}

/** Consul's times. */
export const TOMBSTONE_TIMES: TombstoneGcInput = { ttlMs: 15 * 60_000, stepMs: 30_000 };

export interface TombstoneGcContext extends TombstoneGcInput {
  /** What `tombstones.seen` told, the oldest first; one a step, as many as make the TTL. */
  readonly marks: readonly number[];
  /** Up to here all was reaped, or is about to be. */
  readonly reaped: number;
}

const gcSetup = setup({
  types: {
    context: {} as TombstoneGcContext,
    events: {} as TombstoneGcEvent,
    input: {} as TombstoneGcInput,
  },
  actions: {
    /** Answered by `tombstones.seen`. */
    look: () => {},
    /** Reap all tombstones up to the index; `reap.failed` when that could not be written. */
    reap: (_, _params: { readonly index: number }) => {},
    announceFailure: (_, _params: { readonly error: Error }) => {},
  },
  guards: { isDue: ({ context }) => dueIndex(context) > context.reaped },
  delays: { step: ({ context }) => context.stepMs },
});

/** Index up to which all tombstones have been there for the TTL; 0 = not known of any. */
function dueIndex({ marks, ttlMs, stepMs }: TombstoneGcContext): number {
  return marks.length * stepMs < ttlMs ? 0 : (marks[0] ?? 0);
}

const forget = gcSetup.assign({ marks: [], reaped: 0 });
const noteMark = gcSetup.assign(({ context, event }) => {
  if (event.type !== 'tombstones.seen') return {};
  const { marks, ttlMs, stepMs } = context;
  return {
    marks: [...marks, event.newest].slice(-Math.ceil(ttlMs / stepMs)),
    reaped: Math.max(context.reaped, dueIndex(context)),
  };
});
/** What is still marked is due again in the next step. */
const noteFailure = gcSetup.assign({ reaped: 0 });

export const tombstoneGcMachine = gcSetup.createMachine({
  id: 'tombstone-gc',
  context: ({ input }) => ({ ...input, marks: [], reaped: 0 }),
  initial: 'following',
  options: { maxIterations: 1000 },
  on: {
    'leadership.gained': { target: '.leading', actions: forget, reenter: true },
    'leadership.lost': '.following',
  },
  states: {
    following: {},
    leading: {
      entry: 'look',
      after: { step: { target: 'leading', reenter: true } },
      on: {
        'tombstones.seen': [
          {
            guard: 'isDue',
            actions: [
              { type: 'reap', params: ({ context }) => ({ index: dueIndex(context) }) },
              noteMark,
            ],
          },
          { actions: noteMark },
        ],
        'reap.failed': {
          actions: [
            noteFailure,
            { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
          ],
        },
      },
    },
  },
});

/**
 * Runs what only a leader does: its duties start once everything committed before is applied here,
 * in order, and end with leadership. A duty that fails is started again by the supervisor below; a
 * supervisor that gives up is started again after a pause. Nothing that a duty does or fails to do,
 * a call to another datacenter least of all, ever costs leadership.
 */

import { fromPromise, setup } from 'xstate';
import type { Message } from '../messages.ts';
import { supervisorMachine } from '../supervisor.ts';
import type { ChildSpec, SupervisorInput } from '../supervisor.types.ts';

/** Pause before the next barrier after one that failed. */
export const BARRIER_PAUSE_MS = 1000;
/** Pause before duties are started again after their supervisor has given up. */
export const DUTIES_PAUSE_MS = 10_000;

export type LeaderDutiesEvent = Message<
  'lan-members.changed' | 'leadership.gained' | 'leadership.lost' | 'raft.changed'
>;

export interface LeaderDutiesInput {
  /** In order of start; stopped in reverse. */
  readonly duties: readonly ChildSpec[];
}

/** Duties that fail again and again are to be seen, not to take anything down. */
export function dutiesPlan(duties: readonly ChildSpec[]): SupervisorInput {
  return {
    children: duties,
    strategy: 'one-for-one',
    intensity: 10,
    periodMs: 60_000,
    backoffMs: [1000, 30_000],
  };
}

const s = setup({
  types: {
    context: {} as LeaderDutiesInput,
    events: {} as LeaderDutiesEvent,
    input: {} as LeaderDutiesInput,
  },
  actors: {
    /** Resolves when everything committed before is applied here. */
    barrier: fromPromise<void>(async () => {}),
    supervisor: supervisorMachine,
  },
  actions: {
    /** Tells the LAN who leads. */
    announceLeader: () => {},
    announceBarrierFailure: (_, _params: { readonly error: unknown }) => {},
    announceGivenUp: (_, _params: { readonly error: unknown }) => {},
  },
  delays: { barrierPause: BARRIER_PAUSE_MS, dutiesPause: DUTIES_PAUSE_MS },
});

export const leaderDutiesMachine = s.createMachine({
  id: 'leader-duties',
  options: { maxIterations: 1000 },
  context: ({ input }) => input,
  initial: 'following',
  on: {
    'leadership.gained': '.leading',
    'leadership.lost': '.following',
  },
  states: {
    following: {},
    leading: {
      initial: 'preparing',
      states: {
        preparing: {
          invoke: {
            src: 'barrier',
            onDone: { target: 'working', actions: 'announceLeader' },
            onError: {
              target: 'pausing',
              actions: {
                type: 'announceBarrierFailure',
                params: ({ event }) => ({ error: event.error }),
              },
            },
          },
        },
        pausing: { after: { barrierPause: 'preparing' } },
        working: {
          invoke: {
            src: 'supervisor',
            id: 'duties',
            input: ({ context }) => dutiesPlan(context.duties),
            onError: {
              target: 'resting',
              actions: {
                type: 'announceGivenUp',
                params: ({ event }) => ({ error: event.error }),
              },
            },
          },
        },
        resting: { after: { dutiesPause: 'working' } },
      },
    },
  },
});

/**
 * Who may end sessions whose holders have not renewed them: the leader alone, which keeps the timers
 * in memory. A new leader starts them all afresh, so that a session may live longer after a change
 * of leaders, never shorter.
 */

import { setup } from 'xstate';
import type { Message } from '../messages.ts';

export type SessionTtlEvent =
  | Message<'leadership.gained'>
  | Message<'leadership.lost'>
  /** The store holds all that former leaders committed: its sessions can be read. */
  | { readonly type: 'store.current' }
  | { readonly type: 'store.unreachable'; readonly error: Error };

const sessionSetup = setup({
  types: { events: {} as SessionTtlEvent },
  actions: {
    /** Answered by `store.current` or `store.unreachable`. */
    awaitStore: () => {},
    startTimers: () => {},
    stopTimers: () => {},
    announceFailure: (_, _params: { readonly error: Error }) => {},
  },
});

export const sessionTtlMachine = sessionSetup.createMachine({
  id: 'session-ttl',
  initial: 'following',
  options: { maxIterations: 1000 },
  states: {
    following: { on: { 'leadership.gained': 'awaiting' } },
    awaiting: {
      entry: 'awaitStore',
      on: {
        'store.current': 'leading',
        'store.unreachable': {
          target: 'following',
          actions: { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
        },
        'leadership.lost': 'following',
      },
    },
    leading: {
      entry: 'startTimers',
      exit: 'stopTimers',
      on: { 'leadership.lost': 'following' },
    },
  },
});

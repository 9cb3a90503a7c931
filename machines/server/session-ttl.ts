/**
 * Who may end sessions whose holders have not renewed them: the leader alone, which keeps the timers
 * in memory. A new leader starts them all afresh, so that a session may live longer after a change
 * of leaders, never shorter.
 */

import { setup } from 'xstate';
import type { Message } from '../messages.ts';
import { BARRIER_PAUSE_MS } from './server.ts';

export type SessionTtlEvent =
  | Message<'leadership.gained'>
  | Message<'leadership.lost'>
  /** The store holds all that former leaders committed: its sessions can be read. */
  | { readonly type: 'store.current'; readonly term: number }
  | { readonly type: 'store.unreachable'; readonly term: number; readonly error: Error };

export interface SessionTtlContext {
  /** Term of the leadership that the timers are for; 0 = never led. */
  readonly term: number;
}

const sessionSetup = setup({
  types: { context: {} as SessionTtlContext, events: {} as SessionTtlEvent },
  actions: {
    /** Answered by `store.current` or `store.unreachable` of the same term. */
    awaitStore: (_, _params: { readonly term: number }) => {},
    startTimers: () => {},
    stopTimers: () => {},
    announceFailure: (_, _params: { readonly error: Error }) => {},
  },
  guards: {
    ofThisTerm: ({ context, event }) => 'term' in event && event.term === context.term,
  },
  delays: { barrierPause: BARRIER_PAUSE_MS },
});

const noteTerm = sessionSetup.assign(({ context, event }) => ({
  term: event.type === 'leadership.gained' ? event.term : context.term,
}));

export const sessionTtlMachine = sessionSetup.createMachine({
  id: 'session-ttl',
  context: { term: 0 },
  initial: 'following',
  options: { maxIterations: 1000 },
  on: {
    'leadership.gained': { target: '.awaiting', actions: noteTerm, reenter: true },
    'leadership.lost': '.following',
  },
  states: {
    following: {},
    awaiting: {
      entry: { type: 'awaitStore', params: ({ context }) => ({ term: context.term }) },
      on: {
        'store.current': { guard: 'ofThisTerm', target: 'leading' },
        'store.unreachable': {
          guard: 'ofThisTerm',
          target: 'pausing',
          actions: { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    // It may still lead: without timers no session would ever run out.
    pausing: { after: { barrierPause: 'awaiting' } },
    leading: { entry: 'startTimers', exit: 'stopTimers' },
  },
});

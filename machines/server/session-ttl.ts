/**
 * Ends sessions whose holders have not renewed them. Only the leader keeps timers, in memory: a new
 * leader starts them all afresh, so that a session may live longer after a change of leaders, never
 * shorter. The timers themselves are the actor's; here is who may have some and what their end means.
 */

import { setup } from 'xstate';
import type { Message } from '../messages.ts';

/** A session dies when two of its TTLs have passed since its last renewal. */
export const TTL_FACTOR = 2;

export type SessionTtlEvent =
  | Message<'leadership.gained'>
  | Message<'leadership.lost'>
  | { readonly type: 'session.renewed'; readonly id: string; readonly ttlMs: number }
  | { readonly type: 'session.ended'; readonly id: string }
  | { readonly type: 'timer.fired'; readonly id: string };

const sessionSetup = setup({
  types: { events: {} as SessionTtlEvent },
  actions: {
    /** Start a timer for every session with a TTL, once the store is current. */
    startAll: () => {},
    stopAll: () => {},
    arm: (_, _params: { readonly id: string; readonly ms: number }) => {},
    disarm: (_, _params: { readonly id: string }) => {},
    /** Destroy the session through raft; a failure arms its timer anew. */
    destroy: (_, _params: { readonly id: string }) => {},
  },
});

export const sessionTtlMachine = sessionSetup.createMachine({
  id: 'session-ttl',
  initial: 'following',
  options: { maxIterations: 1000 },
  states: {
    following: { on: { 'leadership.gained': 'leading' } },
    leading: {
      entry: 'startAll',
      exit: 'stopAll',
      on: {
        'leadership.lost': 'following',
        'session.renewed': {
          actions: {
            type: 'arm',
            params: ({ event }) => ({ id: event.id, ms: event.ttlMs * TTL_FACTOR }),
          },
        },
        'session.ended': { actions: { type: 'disarm', params: ({ event }) => ({ id: event.id }) } },
        'timer.fired': { actions: { type: 'destroy', params: ({ event }) => ({ id: event.id }) } },
      },
    },
  },
});

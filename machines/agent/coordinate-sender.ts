/**
 * Tells the servers where this agent is, now and then: each agent so rarely that all of them
 * together send about 64 coordinates a second, and at moments of its own.
 */

import { setup } from 'xstate';
import type { Coordinate } from '../../src/model/member.ts';
import { nextRandom } from '../../src/mulberry32.ts';
import type { Message } from '../messages.ts';

/** Coordinates a second that a datacenter's servers get, about; Consul's rate. */
export const RATE_TARGET = 64;
export const INTERVAL_MIN_MS = 15_000;

export type CoordinateSenderEvent =
  | Message<'lan-members.changed'>
  | Message<'coordinates.changed'>
  | { readonly type: 'update.sent' }
  | { readonly type: 'update.failed'; readonly error: Error };

export interface CoordinateSenderInput {
  /** Seed of the moments. */
  readonly seed: number;
}

export interface CoordinateSenderContext {
  readonly members: number;
  /** `null` until the pool has told one. */
  readonly coordinate: Coordinate | null;
  readonly random: number;
  readonly pauseMs: number;
}

/** Pause before the next round: the interval for so many members, once to twice. */
export function pauseMsOf(members: number, share: number): number {
  const intervalMs = Math.max(INTERVAL_MIN_MS, (members / RATE_TARGET) * 1_000);
  return intervalMs * (1 + share);
}

const senderSetup = setup({
  types: {
    context: {} as CoordinateSenderContext,
    events: {} as CoordinateSenderEvent,
    input: {} as CoordinateSenderInput,
  },
  actions: {
    /** Answered by `update.sent` or `update.failed`. */
    sendUpdate: (_, _params: { readonly coordinate: Coordinate | null }) => {},
    announceFailure: (_, _params: { readonly error: Error }) => {},
  },
  guards: { isKnown: ({ context }) => context.coordinate !== null },
  delays: { pause: ({ context }) => context.pauseMs },
});

const notePool = senderSetup.assign(({ event }) => {
  if (event.type === 'lan-members.changed') return { members: event.view.members.size };
  return event.type === 'coordinates.changed' ? { coordinate: event.view.own } : {};
});
const drawPause = senderSetup.assign(({ context }) => {
  const random = nextRandom(context.random);
  return { random, pauseMs: pauseMsOf(context.members, random / 0x1_0000_0000) };
});

export const coordinateSenderMachine = senderSetup.createMachine({
  id: 'coordinate-sender',
  context: ({ input }) => ({ members: 0, coordinate: null, random: input.seed, pauseMs: 0 }),
  initial: 'pausing',
  options: { maxIterations: 1000 },
  on: {
    'lan-members.changed': { actions: notePool },
    'coordinates.changed': { actions: notePool },
  },
  states: {
    pausing: {
      entry: drawPause,
      after: {
        pause: [
          { guard: 'isKnown', target: 'sending' },
          { target: 'pausing', reenter: true },
        ],
      },
    },
    sending: {
      entry: {
        type: 'sendUpdate',
        params: ({ context }) => ({ coordinate: context.coordinate }),
      },
      on: {
        'update.sent': 'pausing',
        'update.failed': {
          target: 'pausing',
          actions: { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
  },
});

/**
 * What concerns a server as a whole: leadership becomes readiness for consistent reads only after a
 * barrier (a new leader must first have applied what former leaders committed), and some facts are
 * passed on between the layers above and below.
 */

import { setup } from 'xstate';
import type { GatewayChoices } from '../../src/federation/gateway-choices.ts';
import type { ByteStream } from '../../src/world/world.ts';
import type { Message } from '../messages.ts';

/** Pause after a failed barrier before the next, while still leading. */
export const BARRIER_PAUSE_MS = 1_000;

export type ServerEvent =
  | Message<'leadership.gained'>
  | Message<'leadership.lost'>
  | Message<'primary-gateways.discovered'>
  | Message<'gateways.changed'>
  | Message<'snapshot.accepted'>
  | { readonly type: 'barrier.passed'; readonly term: number }
  | { readonly type: 'barrier.failed'; readonly term: number; readonly error: Error };

export interface ServerContext {
  /** Term of the leadership that is prepared or held; 0 = never led. */
  readonly term: number;
}

const serverSetup = setup({
  types: { context: {} as ServerContext, events: {} as ServerEvent },
  actions: {
    /** Ask for a barrier; answered by `barrier.passed` or `barrier.failed` of the same term. */
    awaitBarrier: (_, _params: { readonly term: number }) => {},
    announceReadiness: (_, _params: { readonly ready: boolean }) => {},
    announceBarrierFailure: (_, _params: { readonly error: Error }) => {},
    shareGatewayChoices: (_, _params: { readonly choices: GatewayChoices }) => {},
    refreshFallback: (_, _params: { readonly addresses: readonly string[] }) => {},
    serveSnapshot: (_, _params: { readonly stream: ByteStream }) => {},
  },
  guards: {
    ofThisTerm: ({ context, event }) =>
      (event.type === 'barrier.passed' || event.type === 'barrier.failed') &&
      event.term === context.term,
  },
  delays: { barrierPause: BARRIER_PAUSE_MS },
});

const noteTerm = serverSetup.assign(({ context, event }) => ({
  term: event.type === 'leadership.gained' ? event.term : context.term,
}));

export const serverMachine = serverSetup.createMachine({
  id: 'server',
  context: { term: 0 },
  initial: 'following',
  options: { maxIterations: 1000 },
  on: {
    'leadership.gained': { target: '.preparing', actions: noteTerm, reenter: true },
    'leadership.lost': '.following',
    'gateways.changed': {
      actions: { type: 'shareGatewayChoices', params: ({ event }) => ({ choices: event.choices }) },
    },
    'primary-gateways.discovered': {
      actions: { type: 'refreshFallback', params: ({ event }) => ({ addresses: event.addresses }) },
    },
    'snapshot.accepted': {
      actions: { type: 'serveSnapshot', params: ({ event }) => ({ stream: event.stream }) },
    },
  },
  states: {
    following: {},
    preparing: {
      entry: { type: 'awaitBarrier', params: ({ context }) => ({ term: context.term }) },
      on: {
        'barrier.passed': { guard: 'ofThisTerm', target: 'leading' },
        'barrier.failed': {
          guard: 'ofThisTerm',
          target: 'pausing',
          actions: {
            type: 'announceBarrierFailure',
            params: ({ event }) => ({ error: event.error }),
          },
        },
      },
    },
    pausing: { after: { barrierPause: 'preparing' } },
    leading: {
      entry: { type: 'announceReadiness', params: { ready: true } },
      exit: { type: 'announceReadiness', params: { ready: false } },
    },
  },
});

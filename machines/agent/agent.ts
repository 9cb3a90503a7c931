/**
 * The agent as a whole: runs until it is told to leave or to stop. Leaving tells the pools first, so
 * that others do not have to find out; who stops only hands leadership over. Either way the last
 * step is the end of the tree, which stops everything in reverse order of its start.
 */

import { setup } from 'xstate';
import type { CoordinatesView, MembersView, PoolKind, UserEvent } from '../../src/model/member.ts';
import type { Message, Reply } from '../messages.ts';

/** What a signal means: Consul's `leave_on_terminate` and `skip_leave_on_interrupt`. */
export interface AgentInput {
  readonly onTerminate: 'leave' | 'stop';
  readonly onInterrupt: 'leave' | 'stop';
}

export type AgentEvent =
  | Message<'shutdown.requested'>
  | Message<'reload.requested'>
  | Message<'lan-members.changed'>
  | Message<'wan-members.changed'>
  | Message<'coordinates.changed'>
  | Message<'user-events.received'>
  | Message<'queries.received'>
  | Message<'primary-gateways.discovered'>
  | Message<'retry-join.exhausted'>
  | { readonly type: 'leave.requested'; readonly reply: Reply<null> }
  | { readonly type: 'leave.finished' }
  | { readonly type: 'handover.finished' };

/** Why the agent ends; what the process answers with. */
export type AgentEnding =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'left' }
  | { readonly kind: 'failed'; readonly text: string };

export interface AgentContext {
  readonly input: AgentInput;
  readonly ending: AgentEnding;
  /** Who waits to hear that the leave is over. */
  readonly waiting: readonly Reply<null>[];
}

const agentSetup = setup({
  types: {
    context: {} as AgentContext,
    events: {} as AgentEvent,
    input: {} as AgentInput,
    output: {} as AgentEnding,
  },
  actions: {
    shareMembers: (_, _params: { readonly view: MembersView }) => {},
    shareCoordinates: (_, _params: { readonly view: CoordinatesView }) => {},
    takeEvents: (
      _,
      _params: { readonly pool: PoolKind; readonly events: readonly UserEvent[] },
    ) => {},
    passGateways: (_, _params: { readonly addresses: readonly string[] }) => {},
    reload: () => {},
    /** Leave all pools; answered by `leave.finished`. */
    beginLeaving: () => {},
    /** Let somebody else lead; answered by `handover.finished`. */
    handOver: () => {},
    answerLeavers: (_, _params: { readonly waiting: readonly Reply<null>[] }) => {},
    /** End the supervisor tree. */
    endTree: (_, _params: { readonly ending: AgentEnding }) => {},
  },
  guards: {
    leavesOnSignal: ({ context, event }) => {
      if (event.type !== 'shutdown.requested') return false;
      const { onInterrupt, onTerminate } = context.input;
      return (event.signal === 'SIGINT' ? onInterrupt : onTerminate) === 'leave';
    },
  },
});

const noteLeaver = agentSetup.assign(({ context, event }) => ({
  waiting: event.type === 'leave.requested' ? [...context.waiting, event.reply] : context.waiting,
}));
const noteLeft = agentSetup.assign({ ending: { kind: 'left' } });
const noteExhausted = agentSetup.assign(({ context, event }) => ({
  ending:
    event.type === 'retry-join.exhausted'
      ? ({ kind: 'failed', text: event.error } as const)
      : context.ending,
}));

/** The machine. It stays in `ended` until the tree stops it. */
export const agentMachine = agentSetup.createMachine({
  id: 'agent',
  context: ({ input }) => ({ input, ending: { kind: 'stopped' }, waiting: [] }),
  initial: 'running',
  options: { maxIterations: 1000 },
  on: {
    'lan-members.changed': {
      actions: { type: 'shareMembers', params: ({ event }) => ({ view: event.view }) },
    },
    'wan-members.changed': {
      actions: { type: 'shareMembers', params: ({ event }) => ({ view: event.view }) },
    },
    'coordinates.changed': {
      actions: { type: 'shareCoordinates', params: ({ event }) => ({ view: event.view }) },
    },
  },
  states: {
    running: {
      on: {
        'user-events.received': {
          actions: {
            type: 'takeEvents',
            params: ({ event }) => ({ pool: event.pool, events: event.events }),
          },
        },
        'primary-gateways.discovered': {
          actions: {
            type: 'passGateways',
            params: ({ event }) => ({ addresses: event.addresses }),
          },
        },
        'reload.requested': { actions: 'reload' },
        'shutdown.requested': [
          { guard: 'leavesOnSignal', target: 'leaving' },
          { target: 'handingOver' },
        ],
        'leave.requested': { target: 'leaving', actions: noteLeaver },
        'retry-join.exhausted': { target: 'ended', actions: noteExhausted },
      },
    },
    handingOver: {
      entry: 'handOver',
      on: { 'handover.finished': 'ended' },
    },
    leaving: {
      entry: 'beginLeaving',
      on: {
        'leave.requested': { actions: noteLeaver },
        'leave.finished': {
          target: 'ended',
          actions: [
            noteLeft,
            { type: 'answerLeavers', params: ({ context }) => ({ waiting: context.waiting }) },
          ],
        },
      },
    },
    ended: {
      entry: { type: 'endTree', params: ({ context }) => ({ ending: context.ending }) },
    },
  },
});

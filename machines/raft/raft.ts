/**
 * The raft node as a statechart.
 *
 * The algorithm (step.ts) is a pure function of node and input; the chart runs it on every input,
 * hands out its effects as one list, and shows where the node stands. What a state means is decided
 * by the algorithm (`phaseOf`); the chart follows it through `turning`.
 *
 * A node takes some thousand inputs a second. That is why a step is one `assign` and one action,
 * whatever its effects are: an action for each would cost more than the algorithm does.
 */

import { setup } from 'xstate';
import type { ByteStream } from '../../src/world/world.ts';
import type { Reply } from '../messages.ts';
import type { RaftSettings } from './limits.ts';
import type { AnyReply, Effect, Input, RaftNode, StoredState } from './node.ts';
import { type Phase, phaseOf, type Stepped, startNode, stepNode } from './step.ts';

export interface RaftInput {
  readonly self: { readonly id: string; readonly address: string };
  readonly settings: RaftSettings;
  /** Any integer: decides the random timers. */
  readonly seed: number;
}

export interface RaftContext extends RaftInput {
  /** Undefined until the disk is read. */
  readonly node: RaftNode | undefined;
  /** What the latest step wants done, in this order. */
  readonly effects: readonly Effect[];
}

export type RaftEvent =
  | Input
  | { readonly type: 'raft.accepted'; readonly stream: ByteStream }
  | { readonly type: 'raft.stop'; readonly reply: Reply<null> }
  /** Of the supervisor: finish. */
  | { readonly type: 'shutdown' }
  | { readonly type: 'storage.opened'; readonly nowMs: number; readonly stored: StoredState }
  | { readonly type: 'storage.unreadable'; readonly error: Error };

const s = setup({
  types: {
    context: {} as RaftContext,
    events: {} as RaftEvent,
    input: {} as RaftInput,
  },
  actions: {
    'storage.open': () => {},
    'storage.close': (_: unknown, _params: { readonly reply: Reply<null> | undefined }) => {},
    'stream.accept': (_: unknown, _params: { readonly stream: ByteStream }) => {},
    'stream.refuse': (_: unknown, _params: { readonly stream: ByteStream }) => {},
    'report.unreadable': (_: unknown, _params: { readonly error: Error }) => {},
    /** Whoever waits is told that this is not the leader. */
    turnAway: (_: unknown, _params: { readonly replies: readonly AnyReply[] }) => {},
    /** Does what the latest step wants done. */
    carryOut: (_: unknown, _params: { readonly effects: readonly Effect[] }) => {},
  },
  guards: {
    at: ({ context }, { phase }: { readonly phase: Phase }) => phaseIs(context, phase),
    left: ({ context }, { phase }: { readonly phase: Phase }) => !phaseIs(context, phase),
  },
});

function phaseIs(context: RaftContext, phase: Phase): boolean {
  return context.node !== undefined && phaseOf(context.node) === phase;
}

const start = s.assign(({ context, event }) => {
  const { self, settings, seed } = context;
  const { stored, nowMs } = event as Extract<RaftEvent, { type: 'storage.opened' }>;
  return steppedTo(startNode({ self, settings, seed, stored, nowMs }));
});

const step = s.assign(({ context: { node }, event }) =>
  node === undefined ? { effects: [] } : steppedTo(stepNode(node, event as Input)),
);

function steppedTo({ node, effects }: Stepped): Pick<RaftContext, 'node' | 'effects'> {
  return { node, effects };
}

const carryOut = {
  type: 'carryOut',
  params: ({ context }: { context: RaftContext }) => ({ effects: context.effects }),
} as const;

/** Whoever asks before the disk is read, or after the end, is told so. */
const turnAway = {
  type: 'turnAway',
  params: ({ event }: { event: RaftEvent }) => ({ replies: repliesIn(event) }),
} as const;

function repliesIn(event: RaftEvent): readonly AnyReply[] {
  if (event.type === 'proposals.submitted') return event.proposals.map((one) => one.reply);
  return 'reply' in event && event.reply !== undefined ? [event.reply] : [];
}

const accept = {
  type: 'stream.accept',
  params: ({ event }: { event: RaftEvent }) => ({
    stream: (event as Extract<RaftEvent, { type: 'raft.accepted' }>).stream,
  }),
} as const;

/** Before the disk is read, and after it could not be, peers are to try again later. */
const refuseStream = { ...accept, type: 'stream.refuse' } as const;

const close = {
  type: 'storage.close',
  params: ({ event }: { event: RaftEvent }) => ({
    reply: event.type === 'raft.stop' ? event.reply : undefined,
  }),
} as const;

const report = {
  type: 'report.unreadable',
  params: ({ event }: { event: RaftEvent }) => ({
    error: (event as Extract<RaftEvent, { type: 'storage.unreadable' }>).error,
  }),
} as const;

const left = (phase: Phase) =>
  ({ guard: { type: 'left', params: { phase } }, target: '#raft.serving.turning' }) as const;
const at = (phase: Phase, target: string) =>
  ({ guard: { type: 'at', params: { phase } }, target }) as const;

export const raftMachine = s.createMachine({
  id: 'raft',
  context: ({ input }) => ({ ...input, node: undefined, effects: [] }),
  initial: 'opening',
  states: {
    opening: {
      entry: 'storage.open',
      on: {
        'storage.opened': { target: 'serving', actions: [start, carryOut] },
        'storage.unreadable': { target: 'failed', actions: report },
        'raft.stop': { target: 'stopped', actions: close },
        shutdown: { target: 'stopped', actions: close },
        'raft.accepted': { actions: refuseStream },
        '*': { actions: turnAway },
      },
    },
    serving: {
      initial: 'turning',
      on: {
        'raft.accepted': { actions: accept },
        'raft.stop': { target: 'stopped', actions: close },
        shutdown: { target: 'stopped', actions: close },
        '*': { actions: [step, carryOut] },
      },
      states: {
        turning: {
          always: [
            at('unconfigured', 'unconfigured'),
            at('outsider', 'outsider'),
            at('follower', 'follower'),
            at('installing', 'installing'),
            at('canvassing', 'canvassing'),
            at('candidate', 'candidate'),
            at('establishing', 'leader.establishing'),
            at('leading', 'leader.leading'),
            at('transferring', 'leader.transferring'),
            at('stalled', 'stalled'),
          ],
        },
        /** Without any configuration: waits for a leader, or to be bootstrapped. */
        unconfigured: { always: left('unconfigured') },
        /** Not in the newest configuration: follows who leads, never stands. */
        outsider: { always: left('outsider') },
        follower: { always: left('follower') },
        /** Receives a snapshot of the leader. */
        installing: { always: left('installing') },
        /** Asks who would vote for it; its term stays as it is. */
        canvassing: { always: left('canvassing') },
        candidate: { always: left('candidate') },
        leader: {
          initial: 'establishing',
          states: {
            /** Elected; nothing of this term is committed yet. */
            establishing: { always: left('establishing') },
            leading: { always: left('leading') },
            /** Hands leadership over and takes no new work. */
            transferring: { always: left('transferring') },
          },
        },
        /** The disk takes no writes: promises nothing until it does again. */
        stalled: { always: left('stalled') },
      },
    },
    failed: {
      on: {
        'raft.stop': { target: 'stopped', actions: close },
        shutdown: { target: 'stopped', actions: close },
        'raft.accepted': { actions: refuseStream },
        '*': { actions: turnAway },
      },
    },
    stopped: { type: 'final' },
  },
  options: { maxIterations: 1000 },
});

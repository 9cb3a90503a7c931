/**
 * The replicated state machine as an actor: takes committed batches, applies each at once, and
 * answers it; whoever reads sees the new version of the state. Snapshots are frozen views, read by
 * others at their own pace. A restore replaces everything; it takes a while, and what raft commits
 * meanwhile waits.
 */

import { type SnapshotFrom, setup } from 'xstate';
import type { Message, Reply } from './messages.ts';
import type { CommittedEntry, StateSnapshot } from './routes/raft.ts';
import type { ShortStep } from './short-way.ts';

/** Batches that wait for a restore. Raft has one under way at a time; more means that it is broken. */
export const WAITING_BATCHES_MAX = 16;

export interface Batch {
  readonly entries: readonly CommittedEntry[];
  readonly throughIndex: number;
}

interface RestoreRequest {
  readonly index: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly reply: Reply<null>;
}

/** How a restore ended. */
export type FsmInternalEvent =
  | { readonly type: 'restore.done' }
  | { readonly type: 'restore.failed'; readonly error: Error };

export type FsmEvent =
  | Message<'entries.committed'>
  | Message<'state.freeze'>
  | Message<'state.restore'>
  | FsmInternalEvent;

export interface FsmContext {
  readonly waiting: readonly Batch[];
  readonly restoring: RestoreRequest | null;
}

/** With one more batch waiting. Throws beyond the limit. */
function withWaiting(waiting: readonly Batch[], batch: Batch): readonly Batch[] {
  if (waiting.length >= WAITING_BATCHES_MAX) {
    throw new RangeError(`more than ${WAITING_BATCHES_MAX} batches committed during a restore`);
  }
  return [...waiting, batch];
}

const s = setup({
  types: { context: {} as FsmContext, events: {} as FsmEvent },
  actions: {
    /** Forgets what an earlier run has applied: raft gives everything again. */
    startEmpty: () => {},
    /** Applies batches in order, and answers each. */
    applyBatches: (_, _params: { readonly batches: readonly Batch[] }) => {},
    /** Answers with the state as it is now. */
    freeze: (_, _params: { readonly reply: Reply<StateSnapshot> }) => {},
    refuseFreeze: (_, _params: { readonly reply: Reply<StateSnapshot> }) => {},
    /** Reads the chunks, then `restore.done` or `restore.failed`. */
    restore: (
      _,
      _params: { readonly index: number; readonly chunks: AsyncIterable<Uint8Array> },
    ) => {},
    refuseRestore: (_, _params: { readonly reply: Reply<null> }) => {},
    answerRestore: (_, _params: { readonly reply: Reply<null> | undefined }) => {},
    failRestore: (
      _,
      _params: { readonly reply: Reply<null> | undefined; readonly error: Error },
    ) => {},
  },
});

const keepWaiting = s.assign(({ context, event }) =>
  event.type === 'entries.committed'
    ? { waiting: withWaiting(context.waiting, batchOf(event)) }
    : {},
);
const begin = s.assign(({ event }) =>
  event.type === 'state.restore' ? { restoring: restoreOf(event) } : {},
);
const end = s.assign(() => ({ restoring: null, waiting: [] }));

function batchOf({ entries, throughIndex }: Message<'entries.committed'>): Batch {
  return { entries, throughIndex };
}

function restoreOf({ index, chunks, reply }: Message<'state.restore'>): RestoreRequest {
  return { index, chunks, reply };
}

const applyWaiting = {
  type: 'applyBatches',
  params: ({ context }: { readonly context: FsmContext }) => ({ batches: context.waiting }),
} as const;

export const fsmMachine = s.createMachine({
  id: 'fsm',
  options: { maxIterations: 1000 },
  context: { waiting: [], restoring: null },
  entry: 'startEmpty',
  initial: 'serving',
  states: {
    serving: {
      on: {
        'entries.committed': {
          actions: {
            type: 'applyBatches',
            params: ({ event }) => ({ batches: [batchOf(event)] }),
          },
        },
        'state.freeze': {
          actions: { type: 'freeze', params: ({ event }) => ({ reply: event.reply }) },
        },
        'state.restore': {
          target: 'restoring',
          actions: [begin, { type: 'restore', params: ({ event }) => restoreOf(event) }],
        },
      },
    },
    restoring: {
      on: {
        'entries.committed': { actions: keepWaiting },
        'state.freeze': {
          actions: { type: 'refuseFreeze', params: ({ event }) => ({ reply: event.reply }) },
        },
        'state.restore': {
          actions: { type: 'refuseRestore', params: ({ event }) => ({ reply: event.reply }) },
        },
        'restore.done': {
          target: 'serving',
          actions: [
            {
              type: 'answerRestore',
              params: ({ context }) => ({ reply: context.restoring?.reply }),
            },
            applyWaiting,
            end,
          ],
        },
        'restore.failed': {
          target: 'serving',
          actions: [
            {
              type: 'failRestore',
              params: ({ context, event }) => ({
                reply: context.restoring?.reply,
                error: event.error,
              }),
            },
            applyWaiting,
            end,
          ],
        },
      },
    },
  },
});

/** What a batch does that finds no restore under way: the chart is where it was. */
export function appliedShortly(
  { status, value, context }: SnapshotFrom<typeof fsmMachine>,
  event: FsmEvent,
): ShortStep<FsmContext> | undefined {
  if (status !== 'active' || value !== 'serving') return undefined;
  if (event.type !== 'entries.committed') return undefined;
  const batches = [batchOf(event)];
  return { context, orders: [{ type: 'applyBatches', params: { batches } }] };
}

/**
 * While this server leads: keeps catalog and raft configuration in step with the LAN pool. Works at
 * each change of the pool and, since changes may have been missed by former leaders, once on gaining
 * leadership and every minute. One pass at a time; changes during a pass cause another.
 */

import { setup } from 'xstate';
import type { MembersView } from '../../src/model/member.ts';
import type { Message } from '../messages.ts';

/** Consul's full reconcile interval. */
export const FULL_PASS_MS = 60_000;
/** Pause after a failed pass. */
export const RETRY_PAUSE_MS = 1_000;
/** Names of forgotten members kept for the next pass; beyond, a full pass finds them anyway. */
export const REAPED_MAX = 4_096;

export type ReconcilerEvent =
  | Message<'lan-members.changed'>
  | Message<'leadership.gained'>
  | Message<'leadership.lost'>
  | { readonly type: 'pass.finished' }
  | { readonly type: 'pass.failed'; readonly error: Error };

/** What a pass works on. */
export interface ReconcilePass {
  readonly view: MembersView | undefined;
  /** Members that gossip has forgotten since the last good pass. */
  readonly reaped: readonly string[];
  /** The first pass of a leadership waits until the store is current. */
  readonly first: boolean;
}

export interface ReconcilerContext {
  readonly view: MembersView | undefined;
  readonly reaped: readonly string[];
  readonly inPass: readonly string[];
  readonly dirty: boolean;
  readonly first: boolean;
}

type MembersChanged = Message<'lan-members.changed'>;

function withView(context: ReconcilerContext, event: MembersChanged): Partial<ReconcilerContext> {
  const gone = event.view.changes
    .filter((change) => change.kind === 'reap')
    .map((change) => change.member.name);
  return {
    view: event.view,
    dirty: true,
    reaped: [...context.reaped, ...gone].slice(-REAPED_MAX),
  };
}

const reconcilerSetup = setup({
  types: { context: {} as ReconcilerContext, events: {} as ReconcilerEvent },
  actions: {
    /** Answered by `pass.finished` or `pass.failed`. */
    runPass: (_, _params: ReconcilePass) => {},
    /** Leadership is gone: what the running pass still does is stopped. */
    cancelPass: () => {},
    announceFailure: (_, _params: { readonly error: Error }) => {},
  },
  guards: { dirty: ({ context }) => context.dirty },
  delays: { fullPass: FULL_PASS_MS, retryPause: RETRY_PAUSE_MS },
});

const noteMembers = reconcilerSetup.assign(({ context, event }) =>
  event.type === 'lan-members.changed' ? withView(context, event) : {},
);
const beginLeading = reconcilerSetup.assign({ first: true, dirty: true });
const takeWork = reconcilerSetup.assign(({ context }) => ({
  dirty: false,
  reaped: [],
  inPass: [...context.inPass, ...context.reaped],
}));
const finishPass = reconcilerSetup.assign({ first: false, inPass: [] });

export const memberReconcilerMachine = reconcilerSetup.createMachine({
  id: 'member-reconciler',
  context: { view: undefined, reaped: [], inPass: [], dirty: false, first: true },
  initial: 'following',
  options: { maxIterations: 1000 },
  on: {
    'lan-members.changed': { actions: noteMembers },
    'leadership.lost': '.following',
  },
  states: {
    following: { on: { 'leadership.gained': { target: 'leading', actions: beginLeading } } },
    leading: {
      initial: 'reconciling',
      states: {
        idle: {
          always: { guard: 'dirty', target: 'reconciling' },
          after: { fullPass: 'reconciling' },
        },
        reconciling: {
          entry: [
            takeWork,
            {
              type: 'runPass',
              params: ({ context }) => ({
                view: context.view,
                reaped: context.inPass,
                first: context.first,
              }),
            },
          ],
          exit: 'cancelPass',
          on: {
            'pass.finished': { target: 'idle', actions: finishPass },
            'pass.failed': {
              target: 'pausing',
              actions: { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
        pausing: { after: { retryPause: 'reconciling' } },
      },
    },
  },
});

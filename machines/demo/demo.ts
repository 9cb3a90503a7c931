/**
 * The demo's course: prepare the files, start the processes, wait until every check holds, then stay
 * up (or, with `once`, stop and say so). Any crashed process, time running out or Ctrl-C leads to an
 * orderly stop; what the stop is for decides the exit code.
 */

import { setup } from 'xstate';
import type { CheckOutcome, Milestone } from '../../src/demo/checks.ts';
import { MILESTONES } from '../../src/demo/checks.ts';

export interface DemoInput {
  /** Ids of the checks with their milestones, in order. */
  readonly checks: readonly { readonly id: string; readonly milestone: Milestone }[];
  readonly mode: 'once' | 'stay';
  /** The federation must stand within this time of starting the processes. */
  readonly convergeTimeoutMs: number;
}

export type DemoEvent =
  | { readonly type: 'prepared' }
  | { readonly type: 'started' }
  | { readonly type: 'failed'; readonly text: string }
  | { readonly type: 'child.exited'; readonly id: string; readonly text: string }
  | { readonly type: 'check.asked'; readonly id: string; readonly outcome: CheckOutcome }
  | { readonly type: 'interrupted' }
  | { readonly type: 'stopped' };

/** Why the demo ended. */
export type DemoEnding =
  | { readonly kind: 'verified' }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly text: string };

export interface DemoContext extends DemoInput {
  /** Checks that do not hold yet, with the last word on each. */
  readonly pending: ReadonlyMap<string, string>;
  readonly reached: readonly Milestone[];
  readonly ending: DemoEnding;
}

function start(input: DemoInput): DemoContext {
  return {
    ...input,
    pending: new Map(input.checks.map((check) => [check.id, 'not asked yet'])),
    reached: [],
    ending: { kind: 'interrupted' },
  };
}

function withOutcome(
  context: DemoContext,
  event: Extract<DemoEvent, { type: 'check.asked' }>,
): Partial<DemoContext> {
  if (!context.pending.has(event.id)) return {};
  const pending = new Map(context.pending);
  if (event.outcome.holds) pending.delete(event.id);
  else pending.set(event.id, event.outcome.why);
  return { pending, reached: reachedMilestones(context.checks, pending) };
}

/** Milestones all of whose checks, and those of all before them, hold. */
function reachedMilestones(
  checks: DemoInput['checks'],
  pending: ReadonlyMap<string, string>,
): readonly Milestone[] {
  const open = new Set(checks.filter(({ id }) => pending.has(id)).map((check) => check.milestone));
  const firstOpen = MILESTONES.findIndex((milestone) => open.has(milestone));
  return firstOpen < 0 ? MILESTONES : MILESTONES.slice(0, firstOpen);
}

function completes(context: DemoContext, event: DemoEvent): boolean {
  return (
    event.type === 'check.asked' &&
    event.outcome.holds &&
    context.pending.size === 1 &&
    context.pending.has(event.id)
  );
}

function timeoutText(context: DemoContext): string {
  const lines = [...context.pending].map(([id, why]) => `  ${id}: ${why}`);
  return `not complete after ${context.convergeTimeoutMs / 1000} s:\n${lines.join('\n')}`;
}

const demoSetup = setup({
  types: {
    context: {} as DemoContext,
    events: {} as DemoEvent,
    input: {} as DemoInput,
    output: {} as DemoEnding,
  },
  actions: {
    /** Write certificates and configuration files. */
    prepare: () => {},
    startProcesses: () => {},
    /** Ask all pending checks, again and again, until told to stop. */
    beginChecking: () => {},
    stopChecking: () => {},
    announceVerified: () => {},
    stopProcesses: () => {},
  },
  guards: {
    allHold: ({ context, event }) => completes(context, event),
    allHoldOnce: ({ context, event }) => context.mode === 'once' && completes(context, event),
  },
  delays: { converge: ({ context }) => context.convergeTimeoutMs },
});

const noteOutcome = demoSetup.assign(({ context, event }) =>
  event.type === 'check.asked' ? withOutcome(context, event) : {},
);
const noteVerified = demoSetup.assign(({ context, event }) => ({
  ...(event.type === 'check.asked' ? withOutcome(context, event) : {}),
  ending: { kind: 'verified' } as const,
}));
const noteFailure = demoSetup.assign(({ event }) => ({
  ending: { kind: 'failed', text: failureText(event) } as const,
}));
const noteTimeout = demoSetup.assign(({ context }) => ({
  ending: { kind: 'failed', text: timeoutText(context) } as const,
}));

function failureText(event: DemoEvent): string {
  if (event.type === 'child.exited') return `${event.id} stopped by itself: ${event.text}`;
  return event.type === 'failed' ? event.text : '';
}

/** The machine; its output says how the demo ended. */
export const demoMachine = demoSetup.createMachine({
  id: 'demo',
  context: ({ input }) => start(input),
  initial: 'preparing',
  options: { maxIterations: 1000 },
  states: {
    preparing: {
      entry: 'prepare',
      on: {
        prepared: 'starting',
        failed: { target: 'done', actions: noteFailure },
        interrupted: 'done',
      },
    },
    starting: {
      entry: 'startProcesses',
      on: {
        started: 'converging',
        failed: { target: 'stopping', actions: noteFailure },
        'child.exited': { target: 'stopping', actions: noteFailure },
        interrupted: 'stopping',
      },
    },
    converging: {
      entry: 'beginChecking',
      exit: 'stopChecking',
      after: { converge: { target: 'stopping', actions: noteTimeout } },
      on: {
        'check.asked': [
          { guard: 'allHoldOnce', target: 'stopping', actions: [noteVerified, 'announceVerified'] },
          { guard: 'allHold', target: 'standing', actions: [noteVerified, 'announceVerified'] },
          { actions: noteOutcome },
        ],
        'child.exited': { target: 'stopping', actions: noteFailure },
        interrupted: 'stopping',
      },
    },
    standing: {
      on: {
        'child.exited': { target: 'stopping', actions: noteFailure },
        interrupted: 'stopping',
      },
    },
    stopping: { entry: 'stopProcesses', on: { stopped: 'done' } },
    done: { type: 'final' },
  },
  output: ({ context }) => context.ending,
});

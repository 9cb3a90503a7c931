/**
 * The certificate of a client agent that gets it from its servers: asked for anew before it ends,
 * and at once when the authority's root is replaced, which a long poll tells. The first one is there
 * before the agent starts; servers that do not answer cost nothing but another try.
 */

import { fromPromise, setup } from 'xstate';
import { textOf } from '../../src/error-text.ts';

/** Pause after a failure: doubled each time, up to the longest. */
export const PAUSE_FIRST_MS = 1000;
export const PAUSE_MOST_MS = 30_000;
/** Pause between polls of the roots. */
export const ROUND_PAUSE_MS = 1000;

export interface AutoEncryptInput {
  /** Milliseconds until the certificate that is there should be renewed. */
  readonly renewInMs: number;
}

/** What a poll of the roots brought. */
export interface PolledRoots {
  readonly index: number;
  readonly activeRootId: string;
}

export interface AutoEncryptContext extends AutoEncryptInput {
  readonly rootsIndex: number;
  /** Empty before the first poll. */
  readonly activeRootId: string;
  readonly renewFailures: number;
  readonly pollFailures: number;
  readonly error: string;
}

export type AutoEncryptEvent = { readonly type: 'root.replaced' };

const pauseMs = (failures: number): number =>
  Math.min(PAUSE_FIRST_MS * 2 ** (failures - 1), PAUSE_MOST_MS);

const s = setup({
  types: {
    context: {} as AutoEncryptContext,
    events: {} as AutoEncryptEvent,
    input: {} as AutoEncryptInput,
  },
  actors: {
    /** Gets a certificate and puts it to use; answers when it should be renewed. */
    renew: fromPromise<AutoEncryptInput>(() => Promise.reject(new Error('nobody to ask'))),
    /** Long poll of the roots behind an index. */
    poll: fromPromise<PolledRoots, { readonly minIndex: number }>(() =>
      Promise.reject(new Error('nobody to ask')),
    ),
  },
  actions: {
    announceRenewed: () => {},
    announceRetry: (_, _params: { readonly error: string }) => {},
  },
  delays: {
    renewal: ({ context }) => context.renewInMs,
    renewBackoff: ({ context }) => pauseMs(context.renewFailures),
    pollBackoff: ({ context }) => pauseMs(context.pollFailures),
    roundPause: ROUND_PAUSE_MS,
  },
});

const noteRenewed = s.assign(({ event }) => {
  const { output } = event as unknown as { readonly output: AutoEncryptInput };
  return { renewInMs: output.renewInMs, renewFailures: 0 };
});

const noteRenewFailure = s.assign(({ context, event }) => {
  // Failures of invoked promises are typed where they are used, not in the machine's events.
  const { error } = event as { readonly error?: unknown };
  return { renewFailures: context.renewFailures + 1, error: textOf(error) };
});

const notePollFailure = s.assign(({ context }) => ({
  rootsIndex: 0,
  pollFailures: context.pollFailures + 1,
}));

const polledOf = (event: unknown): PolledRoots =>
  (event as { readonly output: PolledRoots }).output;

const noteRoots = s.assign(({ event }) => {
  const { index, activeRootId } = polledOf(event);
  return { rootsIndex: index, activeRootId, pollFailures: 0 };
});

const isReplaced = ({ context, event }: { context: AutoEncryptContext; event: unknown }): boolean =>
  context.activeRootId !== '' && context.activeRootId !== polledOf(event).activeRootId;

export const autoEncryptMachine = s.createMachine({
  id: 'auto-encrypt',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    ...input,
    rootsIndex: 0,
    activeRootId: '',
    renewFailures: 0,
    pollFailures: 0,
    error: '',
  }),
  type: 'parallel',
  states: {
    certificate: {
      initial: 'holding',
      on: { 'root.replaced': '.renewing' },
      states: {
        holding: { after: { renewal: 'renewing' } },
        renewing: {
          invoke: {
            src: 'renew',
            onDone: {
              target: 'holding',
              actions: [noteRenewed, 'announceRenewed'],
            },
            onError: { target: 'backingOff', actions: noteRenewFailure },
          },
        },
        backingOff: {
          entry: { type: 'announceRetry', params: ({ context }) => ({ error: context.error }) },
          after: { renewBackoff: 'renewing' },
        },
      },
    },
    roots: {
      initial: 'polling',
      states: {
        polling: {
          invoke: {
            src: 'poll',
            input: ({ context }) => ({ minIndex: context.rootsIndex }),
            onDone: [
              {
                guard: isReplaced,
                target: 'pacing',
                actions: [noteRoots, s.raise({ type: 'root.replaced' })],
              },
              { target: 'pacing', actions: noteRoots },
            ],
            onError: { target: 'backingOff', actions: notePollFailure },
          },
        },
        pacing: { after: { roundPause: 'polling' } },
        backingOff: { after: { pollBackoff: 'polling' } },
      },
    },
  },
});

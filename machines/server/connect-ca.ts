/**
 * The mesh's certificate authority while this server leads. In the primary datacenter it is founded
 * once; a secondary follows the primary's roots by a long poll and keeps an intermediate below them.
 * A primary that does not answer costs nothing but another try: never leadership.
 */

import { fromPromise, setup } from 'xstate';
import { textOf } from '../../src/error-text.ts';
import type { IndexedCARoots } from '../../src/model/connect-ca.ts';

/** Pause between rounds of a secondary: the rate of Consul's watch of the primary's roots. */
export const ROUND_PAUSE_MS = 5000;
/** Pause after a failure: doubled each time, up to the longest. */
export const PAUSE_FIRST_MS = 1000;
export const PAUSE_MOST_MS = 30_000;

export interface ConnectCaInput {
  readonly role: 'primary' | 'secondary';
}

export interface ConnectCaContext extends ConnectCaInput {
  /** Index of the primary's roots that are written here; 0 = whatever it has. */
  readonly lastIndex: number;
  readonly fetched: IndexedCARoots | null;
  readonly failures: number;
  readonly error: string;
}

const s = setup({
  types: { context: {} as ConnectCaContext, input: {} as ConnectCaInput },
  actors: {
    /** Makes what the primary's authority lacks. */
    found: fromPromise<void>(async () => {}),
    /** Long poll of the primary's roots behind an index. */
    fetch: fromPromise<IndexedCARoots, { readonly minIndex: number }>(() =>
      Promise.reject(new Error('nobody to ask')),
    ),
    /** Makes them the roots of this datacenter. */
    adopt: fromPromise<void, { readonly roots: IndexedCARoots | null }>(async () => {}),
  },
  actions: {
    announceFounded: () => {},
    announceRetry: (_, _params: { readonly error: string }) => {},
  },
  guards: { isPrimary: ({ context }) => context.role === 'primary' },
  delays: {
    roundPause: ROUND_PAUSE_MS,
    backoff: ({ context }) => Math.min(PAUSE_FIRST_MS * 2 ** (context.failures - 1), PAUSE_MOST_MS),
  },
});

const noteFailure = s.assign(({ context, event }) => {
  // Failures of invoked promises are typed where they are used, not in the machine's events.
  const { error } = event as { readonly error?: unknown };
  return {
    lastIndex: 0,
    fetched: null,
    failures: context.failures + 1,
    error: textOf(error),
  };
});

const noteAdopted = s.assign(({ context }) => ({
  lastIndex: context.fetched?.Index ?? 0,
  fetched: null,
  failures: 0,
}));

export const connectCaMachine = s.createMachine({
  id: 'connect-ca',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input, lastIndex: 0, fetched: null, failures: 0, error: '' }),
  initial: 'choosing',
  states: {
    choosing: { always: [{ guard: 'isPrimary', target: 'founding' }, { target: 'fetching' }] },
    founding: {
      invoke: {
        src: 'found',
        onDone: { target: 'founded', actions: 'announceFounded' },
        onError: { target: 'backingOff', actions: noteFailure },
      },
    },
    founded: {},
    fetching: {
      invoke: {
        src: 'fetch',
        input: ({ context }) => ({ minIndex: context.lastIndex }),
        onDone: {
          target: 'adopting',
          actions: s.assign(({ event }) => ({ fetched: event.output })),
        },
        onError: { target: 'backingOff', actions: noteFailure },
      },
    },
    adopting: {
      invoke: {
        src: 'adopt',
        input: ({ context }) => ({ roots: context.fetched }),
        onDone: { target: 'pacing', actions: noteAdopted },
        onError: { target: 'backingOff', actions: noteFailure },
      },
    },
    pacing: { after: { roundPause: 'fetching' } },
    backingOff: {
      entry: { type: 'announceRetry', params: ({ context }) => ({ error: context.error }) },
      after: { backoff: 'choosing' },
    },
  },
});

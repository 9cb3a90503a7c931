/**
 * Copies the config entries of the primary datacenter into a secondary's store, while this server
 * leads it: services and proxies have the same settings everywhere. A long poll brings changes at
 * once.
 */

import { fromPromise, setup } from 'xstate';
import type { ConfigEntryRow } from '../../src/model/config-entry.ts';
import { failureOf } from '../invoked.ts';

/** At most one round a second. */
export const ROUND_PAUSE_MS = 1000;
/** Pause after a failure: doubled each time, up to the longest. */
export const PAUSE_FIRST_MS = 1000;
export const PAUSE_MOST_MS = 120_000;

export interface FetchedEntries {
  readonly index: number;
  readonly entries: readonly ConfigEntryRow[];
}

export interface ApplyInput {
  readonly fetched: FetchedEntries;
  /** Entries that the primary changed later than this may differ. */
  readonly lastIndex: number;
}

export interface ConfigReplicatorContext {
  /** Index of the primary's list that is written here in full; 0 = look at everything. */
  readonly lastIndex: number;
  readonly fetched: FetchedEntries;
  readonly failures: number;
  readonly error: string;
}

const NOTHING: FetchedEntries = { index: 0, entries: [] };

const s = setup({
  types: { context: {} as ConfigReplicatorContext },
  actors: {
    /** Long poll of the primary's entries behind an index. */
    fetch: fromPromise<FetchedEntries, { readonly minIndex: number }>(async () => NOTHING),
    /** Writes what differs. */
    apply: fromPromise<void, ApplyInput>(async () => {}),
  },
  actions: {
    announceRetry: (_, _params: { readonly error: string }) => {},
  },
  delays: {
    roundPause: ROUND_PAUSE_MS,
    backoff: ({ context }) => Math.min(PAUSE_FIRST_MS * 2 ** (context.failures - 1), PAUSE_MOST_MS),
  },
});

const noteFailure = s.assign(({ context, event }) => ({
  lastIndex: 0,
  fetched: NOTHING,
  failures: context.failures + 1,
  error: failureOf(event),
}));

export const configReplicatorMachine = s.createMachine({
  id: 'config-replicator',
  options: { maxIterations: 1000 },
  context: { lastIndex: 0, fetched: NOTHING, failures: 0, error: '' },
  initial: 'fetching',
  states: {
    fetching: {
      invoke: {
        src: 'fetch',
        input: ({ context }) => ({ minIndex: context.lastIndex }),
        onDone: {
          target: 'applying',
          actions: s.assign(({ context, event }) => ({
            fetched: event.output,
            // An index that went back means another history: everything is looked at again.
            lastIndex: event.output.index < context.lastIndex ? 0 : context.lastIndex,
          })),
        },
        onError: { target: 'backingOff', actions: noteFailure },
      },
    },
    applying: {
      invoke: {
        src: 'apply',
        input: ({ context }) => ({ fetched: context.fetched, lastIndex: context.lastIndex }),
        onDone: {
          target: 'pacing',
          actions: s.assign(({ context }) => ({
            lastIndex: context.fetched.index,
            fetched: NOTHING,
            failures: 0,
          })),
        },
        onError: { target: 'backingOff', actions: noteFailure },
      },
    },
    pacing: { after: { roundPause: 'fetching' } },
    backingOff: {
      entry: { type: 'announceRetry', params: ({ context }) => ({ error: context.error }) },
      after: { backoff: 'fetching' },
    },
  },
});

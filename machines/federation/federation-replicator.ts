/**
 * Copies the federation states of the primary datacenter into a secondary's store, while this server
 * leads it. A long poll brings changes at once; the outcome of every fetch tells the gateway locator
 * whether the way to the primary works.
 */

import { fromPromise, setup } from 'xstate';
import { type ReplicationStep, replicationSteps } from '../../src/federation/replication-diff.ts';
import {
  type Bucket,
  doubledPauseMs,
  fullBucket,
  takeToken,
} from '../../src/federation/token-bucket.ts';
import type { FederationState } from '../../src/model/federation-state.ts';
import { failureOf, outputOf } from '../invoked.ts';

/** Rounds: one a second after a burst of five (Consul 1.8, fixed there too). */
export const ROUND_RULES = { rate: 1, burst: 5 };
/** Pause after each write: 100 a second. */
export const WRITE_PAUSE_MS = 10;
/** Pauses after failures: doubled, plus up to a tenth by chance. */
export const PAUSE_FIRST_MS = 1000;
export const PAUSE_MOST_MS = 120_000;
/** How often it is asked anew whether all servers understand federation states. */
export const SUPPORT_PAUSE_MS = 5000;

/** What a fetch brought. */
export type Fetched =
  | { readonly kind: 'unsupported' }
  | {
      readonly kind: 'states';
      readonly index: number;
      readonly states: readonly FederationState[];
      /** Monotonic, when it came. */
      readonly nowMs: number;
      /** Uniform in [0, 1), for the pause after a failure of this round. */
      readonly chance: number;
    };

export interface ReplicatorContext {
  /** Index of the primary's list that has been written here in full; 0 = write everything. */
  readonly lastIndex: number;
  readonly remoteIndex: number;
  readonly remote: readonly FederationState[];
  readonly steps: readonly ReplicationStep[];
  readonly failures: number;
  readonly bucket: Bucket;
  readonly waitMs: number;
  readonly chance: number;
  readonly error: string;
}

const s = setup({
  types: {
    context: {} as ReplicatorContext,
  },
  actors: {
    /** Long poll of the primary's list behind an index. Rejects with the wrapped text. */
    fetch: fromPromise<Fetched, { readonly minIndex: number }>(async () => ({
      kind: 'unsupported',
    })),
    readLocal: fromPromise<readonly FederationState[]>(async () => []),
    write: fromPromise<void, { readonly step: ReplicationStep }>(async () => {}),
  },
  actions: {
    reportSuccess: (_, _params: { readonly index: number }) => {},
    reportFailure: (_, _params: { readonly error: string }) => {},
    /** The primary's index moved backwards. */
    announceFullSync: () => {},
    announceRetry: (_, _params: { readonly error: string }) => {},
  },
  guards: {
    isUnsupported: (_, params: { readonly fetched: Fetched }) =>
      params.fetched.kind === 'unsupported',
    movedBackwards: ({ context }, params: { readonly fetched: Fetched }) =>
      params.fetched.kind === 'states' && params.fetched.index < context.lastIndex,
    allWritten: ({ context }) => context.steps.length === 0,
  },
  delays: {
    supportPause: SUPPORT_PAUSE_MS,
    writePause: WRITE_PAUSE_MS,
    pace: ({ context }) => context.waitMs,
    backoff: ({ context }) =>
      doubledPauseMs(context.failures, PAUSE_FIRST_MS, PAUSE_MOST_MS) * (1 + context.chance / 10),
  },
});

const noteFetched = s.assign(({ context, event }) => {
  const fetched = outputOf<Fetched>(event);
  if (fetched.kind === 'unsupported') return {};
  const { bucket, waitMs } = takeToken(context.bucket, ROUND_RULES, fetched.nowMs);
  return {
    remote: fetched.states,
    remoteIndex: fetched.index,
    lastIndex: fetched.index < context.lastIndex ? 0 : context.lastIndex,
    chance: fetched.chance,
    bucket,
    waitMs,
  };
});

const reportSuccess = {
  type: 'reportSuccess',
  params: ({ context }: { readonly context: ReplicatorContext }) => ({
    index: context.remoteIndex,
  }),
} as const;

const noteFailure = s.assign(({ context, event }) => ({
  lastIndex: 0,
  failures: context.failures + 1,
  steps: [],
  error: failureOf(event),
}));

export const federationReplicatorMachine = s.createMachine({
  id: 'federation-replicator',
  options: { maxIterations: 1000 },
  context: {
    lastIndex: 0,
    remoteIndex: 0,
    remote: [],
    steps: [],
    failures: 0,
    bucket: fullBucket(ROUND_RULES),
    waitMs: 0,
    chance: 0,
    error: '',
  },
  initial: 'fetching',
  states: {
    fetching: {
      invoke: {
        src: 'fetch',
        input: ({ context }) => ({ minIndex: context.lastIndex }),
        onDone: [
          {
            guard: { type: 'isUnsupported', params: ({ event }) => ({ fetched: event.output }) },
            target: 'unsupported',
          },
          {
            guard: { type: 'movedBackwards', params: ({ event }) => ({ fetched: event.output }) },
            target: 'comparing',
            actions: [noteFetched, reportSuccess, 'announceFullSync'],
          },
          { target: 'comparing', actions: [noteFetched, reportSuccess] },
        ],
        onError: {
          target: 'backingOff',
          actions: [
            noteFailure,
            { type: 'reportFailure', params: ({ context }) => ({ error: context.error }) },
          ],
        },
      },
    },
    /** Not an error and no word about the way: some server is too old. */
    unsupported: {
      after: { supportPause: 'fetching' },
    },
    comparing: {
      invoke: {
        src: 'readLocal',
        onDone: {
          target: 'writing',
          actions: s.assign(({ context, event }) => ({
            steps: replicationSteps(
              context.remote,
              outputOf<readonly FederationState[]>(event),
              context.lastIndex,
            ),
            remote: [],
          })),
        },
        onError: { target: 'backingOff', actions: noteFailure },
      },
    },
    writing: {
      initial: 'deciding',
      states: {
        deciding: {
          always: [
            { guard: 'allWritten', target: '#federation-replicator.pacing' },
            { target: 'writing' },
          ],
        },
        writing: {
          invoke: {
            src: 'write',
            input: ({ context }) => {
              const [step] = context.steps;
              if (step === undefined) throw new Error('nothing to write');
              return { step };
            },
            onDone: {
              target: 'pausing',
              actions: s.assign(({ context }) => ({ steps: context.steps.slice(1) })),
            },
            onError: { target: '#federation-replicator.backingOff', actions: noteFailure },
          },
        },
        pausing: { after: { writePause: 'deciding' } },
      },
    },
    pacing: {
      entry: s.assign(({ context }) => ({ lastIndex: context.remoteIndex, failures: 0 })),
      after: { pace: 'fetching' },
    },
    backingOff: {
      entry: { type: 'announceRetry', params: ({ context }) => ({ error: context.error }) },
      after: { backoff: 'fetching' },
    },
  },
});

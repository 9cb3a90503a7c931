/**
 * Keeps the record of the own datacenter true, while this server leads it: watches the own mesh
 * gateways and the stored record, and when they differ writes what the catalog says, in the primary
 * to the own store and elsewhere to the primary, from where it comes back by replication.
 */

import { fromPromise, setup } from 'xstate';
import { sameGateways } from '../../src/federation/same-gateways.ts';
import {
  type Bucket,
  doubledPauseMs,
  fullBucket,
  takeToken,
} from '../../src/federation/token-bucket.ts';
import type { CheckServiceNode } from '../../src/model/catalog.ts';
import type { FederationState } from '../../src/model/federation-state.ts';
import { failureOf, outputOf } from '../invoked.ts';

/** Writes: one in five seconds after a burst of five (Consul 1.8, fixed there too). */
export const WRITE_RULES = { rate: 0.2, burst: 5 };
export const PAUSE_FIRST_MS = 2000;
export const PAUSE_MOST_MS = 256_000;
/** How often it is asked anew whether all servers understand federation states. */
export const SUPPORT_PAUSE_MS = 5000;

/** One consistent read of the own store. */
export type OwnState =
  | { readonly kind: 'unsupported' }
  | {
      readonly kind: 'read';
      readonly index: number;
      readonly record: FederationState | null;
      readonly gateways: readonly CheckServiceNode[];
      /** Monotonic, when it came. */
      readonly nowMs: number;
    };

export interface AntiEntropyContext {
  readonly index: number;
  readonly gateways: readonly CheckServiceNode[];
  readonly failures: number;
  readonly bucket: Bucket;
  readonly waitMs: number;
  readonly error: string;
}

/** Whether the stored record must be written anew. */
export function mustWrite(state: OwnState): boolean {
  if (state.kind !== 'read') return false;
  return state.record === null || !sameGateways(state.record.MeshGateways, state.gateways);
}

const s = setup({
  types: {
    context: {} as AntiEntropyContext,
  },
  actors: {
    /** Waits for the own record or the own gateways to change behind an index; 0 = at once. */
    read: fromPromise<OwnState, { readonly minIndex: number }>(async () => ({
      kind: 'unsupported',
    })),
    write: fromPromise<void, { readonly gateways: readonly CheckServiceNode[] }>(async () => {}),
  },
  actions: {
    announceSkipped: () => {},
    announceSynced: () => {},
    announceFailure: (_, _params: { readonly error: string }) => {},
  },
  guards: {
    isUnsupported: (_, params: { readonly state: OwnState }) => params.state.kind === 'unsupported',
    mustWrite: (_, params: { readonly state: OwnState }) => mustWrite(params.state),
  },
  delays: {
    supportPause: SUPPORT_PAUSE_MS,
    pace: ({ context }) => context.waitMs,
    backoff: ({ context }) => doubledPauseMs(context.failures, PAUSE_FIRST_MS, PAUSE_MOST_MS),
  },
});

const noteRead = s.assign(({ event }) => {
  const state = outputOf<OwnState>(event);
  return state.kind === 'read' ? { index: state.index, failures: 0 } : {};
});

const noteDifference = s.assign(({ context, event }) => {
  const state = outputOf<OwnState>(event);
  if (state.kind !== 'read') return {};
  const { bucket, waitMs } = takeToken(context.bucket, WRITE_RULES, state.nowMs);
  return { index: state.index, gateways: state.gateways, bucket, waitMs };
});

const noteFailure = s.assign(({ context, event }) => ({
  index: 0,
  gateways: [],
  failures: context.failures + 1,
  error: failureOf(event),
}));

export const federationAntiEntropyMachine = s.createMachine({
  id: 'federation-anti-entropy',
  options: { maxIterations: 1000 },
  context: {
    index: 0,
    gateways: [],
    failures: 0,
    bucket: fullBucket(WRITE_RULES),
    waitMs: 0,
    error: '',
  },
  initial: 'reading',
  states: {
    reading: {
      invoke: {
        src: 'read',
        input: ({ context }) => ({ minIndex: context.index }),
        onDone: [
          {
            guard: { type: 'isUnsupported', params: ({ event }) => ({ state: event.output }) },
            target: 'unsupported',
          },
          {
            guard: { type: 'mustWrite', params: ({ event }) => ({ state: event.output }) },
            target: 'writing',
            actions: noteDifference,
          },
          { target: 'reading', reenter: true, actions: [noteRead, 'announceSkipped'] },
        ],
        onError: { target: 'backingOff', actions: noteFailure },
      },
    },
    unsupported: {
      after: { supportPause: 'reading' },
    },
    /** After a write, so that what is written next is read then. */
    pacing: { after: { pace: 'reading' } },
    writing: {
      invoke: {
        src: 'write',
        input: ({ context }) => ({ gateways: context.gateways }),
        onDone: {
          target: 'pacing',
          actions: [s.assign({ gateways: [], failures: 0 }), 'announceSynced'],
        },
        onError: { target: 'backingOff', actions: noteFailure },
      },
    },
    backingOff: {
      entry: { type: 'announceFailure', params: ({ context }) => ({ error: context.error }) },
      after: { backoff: 'reading' },
    },
  },
});

/**
 * A duty of the leader: looks how the servers are every two seconds, and every ten gives a vote to
 * those that have earned it and clears away those that are dead. Writes the configuration that all
 * this follows when there is none yet.
 */

import { fromPromise, setup } from 'xstate';

/** Consul's server_health_interval and autopilot_interval. */
export const UPDATE_INTERVAL_MS = 2_000;
export const UPDATES_PER_RECONCILIATION = 5;

export interface AutopilotContext {
  /** Updates since the last reconciliation. */
  readonly updates: number;
}

const s = setup({
  types: { context: {} as AutopilotContext },
  actors: {
    /** Writes the first configuration if there is none. */
    prepare: fromPromise<void>(async () => {}),
    /** Asks the servers and publishes the new state. */
    update: fromPromise<void>(async () => {}),
    /** Promotes and cleans up by the latest state. */
    reconcile: fromPromise<void>(async () => {}),
  },
  actions: {
    /** States of former leaderships mean nothing. */
    forget: () => {},
    announceFailure: (_, _params: { readonly error: unknown }) => {},
  },
  guards: { isDue: ({ context }) => context.updates >= UPDATES_PER_RECONCILIATION },
  delays: { updateInterval: UPDATE_INTERVAL_MS },
});

const countUpdate = s.assign(({ context }) => ({ updates: context.updates + 1 }));
const startCount = s.assign({ updates: 0 });

export const autopilotMachine = s.createMachine({
  id: 'autopilot',
  options: { maxIterations: 1000 },
  context: { updates: 0 },
  entry: 'forget',
  initial: 'preparing',
  states: {
    preparing: {
      invoke: {
        src: 'prepare',
        onDone: 'updating',
        onError: {
          target: 'pausing',
          actions: { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    pausing: { after: { updateInterval: 'preparing' } },
    updating: {
      entry: countUpdate,
      invoke: {
        src: 'update',
        onDone: [{ guard: 'isDue', target: 'reconciling' }, 'waiting'],
        onError: {
          target: 'waiting',
          actions: { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    reconciling: {
      entry: startCount,
      invoke: {
        src: 'reconcile',
        onDone: 'waiting',
        onError: {
          target: 'waiting',
          actions: { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    waiting: { after: { updateInterval: 'updating' } },
  },
});

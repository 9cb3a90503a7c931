/**
 * Forgets the federation states of datacenters that are gone for good: while this server leads the
 * primary, records of datacenters without any member left in the WAN pool are deleted.
 */

import { fromPromise, setup } from 'xstate';

/** Consul 1.8. A failed member counts until it is reaped, after three days. */
export const PRUNE_INTERVAL_MS = 3_600_000;

const s = setup({
  actors: {
    /** Deletes what is stale. Rejects with the wrapped text. */
    prune: fromPromise<void>(async () => {}),
  },
  actions: { announceFailure: (_, _params: { readonly error: unknown }) => {} },
  delays: { interval: PRUNE_INTERVAL_MS },
});

export const federationPrunerMachine = s.createMachine({
  id: 'federation-pruner',
  options: { maxIterations: 1000 },
  initial: 'waiting',
  states: {
    waiting: { after: { interval: 'pruning' } },
    pruning: {
      invoke: {
        src: 'prune',
        onDone: 'waiting',
        onError: {
          target: 'waiting',
          actions: { type: 'announceFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
  },
});

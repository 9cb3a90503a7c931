/**
 * The life of the HTTP door. It was opened before the tree. When it is told to end it takes nobody
 * in any more, lets the requests that are under way be answered for a moment, and cuts the rest.
 */

import { setup } from 'xstate';

/** Consul's servers of HTTP have as long. */
export const DRAIN_LIMIT_MS = 1_000;

export type HttpDoorEvent = { readonly type: 'shutdown' } | { readonly type: 'drain.finished' };

const doorSetup = setup({
  types: { events: {} as HttpDoorEvent },
  actions: {
    /** Take no connections, wake who waits; `drain.finished` when nobody is left. */
    drain: () => {},
    cut: () => {},
  },
  delays: { drainLimit: DRAIN_LIMIT_MS },
});

export const httpDoorMachine = doorSetup.createMachine({
  id: 'http-door',
  initial: 'open',
  states: {
    open: { on: { shutdown: 'draining' } },
    draining: {
      entry: 'drain',
      on: { 'drain.finished': 'closed' },
      after: { drainLimit: 'closed' },
    },
    closed: { type: 'final', entry: 'cut' },
  },
  options: { maxIterations: 1000 },
});

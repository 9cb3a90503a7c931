/**
 * The life of the built-in mesh gateway: it opens its doors once it knows where servers are, routes
 * by the latest picture, and when it is told to end it takes no more connections and lets those that
 * are open finish. The connections themselves are not its business.
 */

import { setup } from 'xstate';
import { type GatewaySnapshot, isValid } from '../../src/gateway/snapshot.ts';
import type { Endpoint } from '../../src/world/world.ts';

export type GatewayEvent =
  | { readonly type: 'gateway-snapshot.changed'; readonly snapshot: GatewaySnapshot }
  | { readonly type: 'listeners.opened'; readonly endpoints: readonly Endpoint[] }
  | { readonly type: 'listeners.failed'; readonly error: Error }
  | { readonly type: 'drain.finished' }
  | { readonly type: 'shutdown' };

export interface GatewayInput {
  /** How long open connections may go on after `shutdown`. */
  readonly drainMs: number;
}

export interface GatewayContext extends GatewayInput {
  readonly endpoints: readonly Endpoint[];
}

const s = setup({
  types: {
    context: {} as GatewayContext,
    events: {} as GatewayEvent,
    input: {} as GatewayInput,
  },
  actions: {
    applyRoutes: (_, _params: { readonly snapshot: GatewaySnapshot }) => {},
    openListeners: () => {},
    /** Logs, and tells the registration. */
    announce: (_, _params: { readonly endpoints: readonly Endpoint[] }) => {},
    closeListeners: () => {},
    drain: (_, _params: { readonly timeoutMs: number }) => {},
    /** Throws: a supervisor decides. */
    fail: (_, _params: { readonly error: Error }) => {},
  },
  guards: {
    valid: (_, { snapshot }: { readonly snapshot: GatewaySnapshot }) => isValid(snapshot),
  },
});

const route = {
  type: 'applyRoutes',
  params: ({ event }: { readonly event: GatewayEvent }) => ({ snapshot: snapshotIn(event) }),
} as const;

const keepEndpoints = s.assign(({ event }) =>
  event.type === 'listeners.opened' ? { endpoints: event.endpoints } : {},
);

/** The picture of the one event that has it. */
function snapshotIn(event: GatewayEvent): GatewaySnapshot {
  if (event.type === 'gateway-snapshot.changed') return event.snapshot;
  throw new Error(`${event.type} has no snapshot`);
}

export const gatewayMachine = s.createMachine({
  id: 'gateway',
  context: ({ input }) => ({ ...input, endpoints: [] }),
  initial: 'waiting',
  states: {
    /** No server is known yet: whatever came would have to be refused. */
    waiting: {
      on: {
        'gateway-snapshot.changed': {
          guard: { type: 'valid', params: ({ event }) => ({ snapshot: event.snapshot }) },
          target: 'opening',
          actions: route,
        },
        shutdown: 'closed',
      },
    },
    opening: {
      entry: 'openListeners',
      on: {
        'gateway-snapshot.changed': { actions: route },
        'listeners.opened': {
          target: 'open',
          actions: keepEndpoints,
        },
        'listeners.failed': {
          actions: { type: 'fail', params: ({ event }) => ({ error: event.error }) },
        },
        shutdown: 'draining',
      },
    },
    open: {
      entry: {
        type: 'announce',
        params: ({ context }) => ({ endpoints: context.endpoints }),
      },
      on: {
        // A picture without servers is routed by too: what is gone is refused.
        'gateway-snapshot.changed': { actions: route },
        shutdown: 'draining',
      },
    },
    draining: {
      entry: [
        'closeListeners',
        { type: 'drain', params: ({ context }) => ({ timeoutMs: context.drainMs }) },
      ],
      on: { 'drain.finished': 'closed' },
    },
    closed: { type: 'final' },
  },
  options: { maxIterations: 1000 },
});

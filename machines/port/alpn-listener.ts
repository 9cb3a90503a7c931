/**
 * The server port: bound, open for connections, or failed. What happens on a connection is decided
 * by one `connection` machine each; they live in the pool that the actor runs while this is here.
 */

import { fromCallback, setup } from 'xstate';

export interface AlpnListenerContext {
  /** The port that was bound; 0 until then. */
  readonly port: number;
}

export type AlpnListenerEvent =
  | { readonly type: 'port.opened'; readonly port: number }
  | { readonly type: 'port.failed'; readonly error: Error };

const s = setup({
  types: { context: {} as AlpnListenerContext, events: {} as AlpnListenerEvent },
  actors: {
    /** Binds the port and sorts connections until it is stopped. */
    connections: fromCallback<AlpnListenerEvent>(() => {}),
  },
  actions: {
    announce: (_, _params: { readonly port: number }) => {},
    /** Throws: without its port a server is none. */
    escalate: (_, _params: { readonly error: Error }) => {},
  },
});

const opened = s.assign(({ event }) => ({ port: event.type === 'port.opened' ? event.port : 0 }));

export const alpnListenerMachine = s.createMachine({
  id: 'alpn-listener',
  options: { maxIterations: 1000 },
  context: { port: 0 },
  invoke: { src: 'connections', id: 'connections' },
  initial: 'opening',
  states: {
    opening: {
      on: {
        'port.opened': {
          target: 'open',
          actions: [opened, { type: 'announce', params: ({ event }) => ({ port: event.port }) }],
        },
        'port.failed': {
          target: 'failed',
          actions: { type: 'escalate', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    open: {},
    failed: {},
  },
});

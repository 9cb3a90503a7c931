/** The server port: binds it and sorts what comes in. */

import { fromCallback } from 'xstate';
import { type AlpnListenerEvent, alpnListenerMachine } from '../../machines/port/alpn-listener.ts';
import { FatalError } from '../../src/fatal-error.ts';
import type { Endpoint, Listener, World } from '../../src/world/world.ts';
import { PortConnections, type PortConnectionsOptions } from './connections.ts';

export interface AlpnListenerDeps
  extends Omit<PortConnectionsOptions, 'network' | 'clock' | 'parent'> {
  readonly world: World;
  readonly at: Endpoint;
}

/** A port that cannot be bound ends the actor with a `FatalError`, and with it the agent. */
export function createAlpnListenerActor(deps: AlpnListenerDeps): typeof alpnListenerMachine {
  const { world, at, ...options } = deps;
  return alpnListenerMachine.provide({
    actors: {
      connections: fromCallback<AlpnListenerEvent>(({ sendBack, self }) => {
        let listener: Listener | undefined;
        let stopped = false;
        const connections = new PortConnections({
          ...options,
          network: world.network,
          clock: world.clock,
          parent: self,
        });
        void world.network
          .listenTcp(at, (stream) => connections.accept(stream))
          .then((bound) => {
            listener = bound;
            if (stopped) return bound.close();
            sendBack({ type: 'port.opened', port: bound.endpoint.port });
            return undefined;
          })
          .catch((error: Error) => sendBack({ type: 'port.failed', error }));
        return () => {
          stopped = true;
          connections.close();
          void listener?.close();
        };
      }),
    },
    actions: {
      announce: (_, { port }) => deps.log.info('server port open', { address: at.address, port }),
      escalate: (_, { error }) => {
        throw new FatalError(`Failed to start RPC layer: ${error.message}`, { cause: error });
      },
    },
  });
}

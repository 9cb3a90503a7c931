/** Binds the watch of a gateway to its agent. */

import { fromCallback } from 'xstate';
import {
  type ProxyWatchEvent,
  type ProxyWatchInput,
  proxyWatchMachine,
} from '../../machines/gateway/proxy-watch.ts';
import type { Post } from '../../machines/routes.ts';
import type { AgentDoor } from '../../src/gateway/agent-door.ts';

export interface ProxyWatchDeps {
  readonly post: Post<'proxy-watch'>;
  readonly agent: Pick<AgentDoor, 'watchAgent' | 'watchServers' | 'watchGateways'>;
}

export function createProxyWatchActor({ post, agent }: ProxyWatchDeps): typeof proxyWatchMachine {
  return proxyWatchMachine.provide({
    actors: {
      watches: fromCallback<ProxyWatchEvent, ProxyWatchInput>(({ sendBack, input }) => {
        const type = 'part.read';
        const ends = [agent.watchAgent((facts) => sendBack({ type, part: 'agent', ...facts }))];
        if (input.exposesServers) {
          ends.push(
            agent.watchServers((servers) => sendBack({ type, part: 'servers', servers })),
            agent.watchGateways((gateways) =>
              sendBack({ type, part: 'federation-states', gateways }),
            ),
          );
        }
        return () => {
          for (const end of ends) end();
        };
      }),
    },
    actions: {
      publish: (_, { snapshot }) => {
        if (snapshot) post.send('gateway', { type: 'gateway-snapshot.changed', snapshot });
      },
    },
  });
}

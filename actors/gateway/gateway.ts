/** Binds the gateway to its listeners and to the connections that come through them. */

import type { AnyActorRef } from 'xstate';
import { type GatewayEvent, gatewayMachine } from '../../machines/gateway/gateway.ts';
import type { Post } from '../../machines/routes.ts';
import { toError } from '../../src/error-text.ts';
import type { GatewayCounters } from '../../src/gateway/counters.ts';
import type { Address } from '../../src/gateway/instances.ts';
import { GatewayProxy, isLoopback } from '../../src/gateway/proxy.ts';
import { buildRoutes, knownNames } from '../../src/gateway/routes.ts';
import type { Log } from '../../src/log.ts';
import type { Listener, Network, World } from '../../src/world/world.ts';

export interface GatewayDeps {
  readonly world: Pick<World, 'network' | 'clock'>;
  readonly post: Post<'gateway'>;
  readonly log: Log;
  readonly listenAt: readonly Address[];
  /** The gateway's own addresses: a route that leads to one of them is a loop. */
  readonly own: readonly Address[];
}

/** Names that one log line lists at most. */
const NAMES_SHOWN_MAX = 20;

/**
 * Logic of the gateway. What it has done is read with `counters`; an instance of the logic belongs
 * to one actor at a time.
 */
export function createGatewayActor(deps: GatewayDeps): {
  readonly logic: typeof gatewayMachine;
  readonly counters: () => GatewayCounters;
} {
  const { world, log } = deps;
  let proxy = createProxy(deps);
  let listeners: readonly Listener[] = [];
  let shown = '';
  const logic = gatewayMachine.provide({
    actions: {
      applyRoutes: (_, { snapshot }) => {
        const routes = buildRoutes(snapshot, deps.own);
        proxy.update(routes);
        const names = knownNames(routes, NAMES_SHOWN_MAX);
        if (names.join() === shown) return;
        shown = names.join();
        log.info('routes changed', { names });
      },
      openListeners: ({ self }) => {
        void openAll(deps, world.network, (stream) => proxy.accept(stream)).then((opened) => {
          if (opened instanceof Error) {
            tell(self, { type: 'listeners.failed', error: opened });
            return;
          }
          if (self.getSnapshot().status !== 'active' || self.getSnapshot().matches('draining')) {
            for (const listener of opened) void listener.close();
            return;
          }
          listeners = opened;
          const endpoints = opened.map((listener) => listener.endpoint);
          tell(self, { type: 'listeners.opened', endpoints });
        });
      },
      announce: (_, { endpoints }) => {
        log.info('mesh gateway listens', { endpoints });
        deps.post.send('gateway-registration', { type: 'gateway.opened', endpoints });
      },
      closeListeners: () => {
        for (const listener of listeners) void listener.close();
        listeners = [];
      },
      drain: ({ self }, { timeoutMs }) => {
        const { active } = proxy.counters;
        if (active > 0) log.info('waits for open connections', { active, timeoutMs });
        void proxy.drain(timeoutMs).then(() => {
          proxy = createProxy(deps);
          tell(self, { type: 'drain.finished' });
        });
      },
      fail: (_, { error }) => {
        throw error;
      },
    },
  });
  return { logic, counters: () => proxy.counters };
}

function createProxy({ world, log, own }: GatewayDeps): GatewayProxy {
  const loopback = own.find(({ host }) => isLoopback(host))?.host;
  return new GatewayProxy({
    network: world.network,
    clock: world.clock,
    log,
    ...(loopback === undefined ? {} : { loopback }),
  });
}

/** Opens all listeners or none. */
async function openAll(
  { listenAt }: GatewayDeps,
  network: Network,
  accept: Parameters<Network['listenTcp']>[1],
): Promise<readonly Listener[] | Error> {
  const opened: Listener[] = [];
  try {
    for (const { host, port } of listenAt) {
      opened.push(await network.listenTcp({ address: host, port }, accept));
    }
    return opened;
  } catch (error) {
    for (const listener of opened) void listener.close();
    return toError(error);
  }
}

function tell(self: AnyActorRef, event: GatewayEvent): void {
  if (self.getSnapshot().status === 'active') self.send(event);
}

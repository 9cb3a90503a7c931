/** The RPC router: keeps the view of servers, and calls through it. */

import { rpcRouterMachine } from '../../machines/rpc/router.ts';
import type { PingResult, PingTarget, RouterEvent } from '../../machines/rpc/router.types.ts';
import { textOf } from '../../src/error-text.ts';
import type { GatewayChoices } from '../../src/federation/gateway-choices.ts';
import type { Log } from '../../src/log.ts';
import type { RpcPool } from '../../src/rpc/client/pool.ts';
import { RpcForwarder } from '../../src/rpc/forwarder.ts';
import { STATUS_PING } from '../../src/rpc/methods/status.ts';
import type { DatacenterView, RouterView } from '../../src/rpc/router-view.ts';
import type { RpcRegistry } from '../../src/rpc/server/registry.ts';
import type { World } from '../../src/world/world.ts';

export interface RpcRouterDeps {
  readonly world: World;
  readonly log: Log;
  readonly role: 'server' | 'client';
  readonly node: string;
  readonly datacenter: string;
  readonly primaryDatacenter: string;
  readonly pool: RpcPool;
  /** Methods of this server; a client agent has none. */
  readonly registry?: RpcRegistry;
  readonly holdTimeoutMs?: number;
  /** Takes the gateway locator's views; the dialer of `pool` picks from it. */
  readonly gateways?: { update(choices: GatewayChoices): void };
}

export interface RpcRouter {
  /** To be started as `rpc-router`; needs `RouterInput`. */
  readonly machine: typeof rpcRouterMachine;
  /** Calls of this agent and those that came in over the wire. */
  readonly forwarder: RpcForwarder;
  /** The latest view. Cheap. */
  view(): RouterView;
}

export function createRpcRouterActor(deps: RpcRouterDeps): RpcRouter {
  const { world, log, pool } = deps;
  let latest: RouterView = {
    datacenter: deps.datacenter,
    datacenters: [],
    leader: null,
    leading: false,
    heardFromLeader: false,
  };
  // Calls outlive and precede the actor; what they have to tell is then of no use.
  let tell: (event: RouterEvent) => void = () => {};

  const machine = rpcRouterMachine.provide({
    actions: {
      publish: ({ self }, { view }) => {
        tell = (event) => queueMicrotask(() => self.send(event));
        logChanges(log, latest, view);
        const before = latest;
        latest = view;
        if (before.leader?.node !== view.leader?.node || before.leading !== view.leading) {
          forwarder.leaderChanged();
        }
      },
      steer: (_, { choices }) => deps.gateways?.update(choices),
      ping: (_, { targets }) => {
        void Promise.all(targets.map((target) => pingFirst(pool, target))).then((results) =>
          tell({ type: 'pings.finished', results }),
        );
      },
    },
  });
  const forwarder = new RpcForwarder({
    role: deps.role,
    node: deps.node,
    primaryDatacenter: deps.primaryDatacenter,
    pool,
    ...(deps.registry !== undefined && { registry: deps.registry }),
    view: () => latest,
    report: (report) => tell(report),
    clock: world.clock,
    random: world.random,
    ...(deps.holdTimeoutMs !== undefined && { holdTimeoutMs: deps.holdTimeoutMs }),
  });
  return { machine, forwarder, view: () => latest };
}

/** Asks servers in turn until one gives a sign of life. */
async function pingFirst(pool: RpcPool, target: PingTarget): Promise<PingResult> {
  let error = '';
  for (const server of target.servers) {
    try {
      await pool.call(server, STATUS_PING, {});
      return { datacenter: target.datacenter, alive: server.node };
    } catch (cause) {
      error = textOf(cause);
    }
  }
  return { datacenter: target.datacenter, alive: null, error };
}

function logChanges(log: Log, before: RouterView, after: RouterView): void {
  for (const view of after.datacenters) {
    const known = before.datacenters.find(({ name }) => name === view.name);
    if (known?.health !== view.health) logHealth(log, view);
    else if (view.health !== 'offline' && known.servers.length > 0 && view.servers.length === 0) {
      log.warn('RPC request to DC is currently failing as no server can be reached', {
        datacenter: view.name,
      });
    }
  }
}

function logHealth(log: Log, view: DatacenterView): void {
  const fields = { datacenter: view.name, error: view.lastError };
  if (view.health === 'failing') log.error('RPC failed to server in DC', fields);
  else if (view.health === 'offline') log.warn('no server of the datacenter answers', fields);
  else if (view.health === 'reachable') {
    log.info('servers of the datacenter are reachable', { datacenter: view.name });
  }
}

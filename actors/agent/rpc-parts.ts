/** The RPC side of an agent: one dialer, one pool, one router, and on servers the methods served. */

import type { FailoverPicker } from '../../src/federation/gateway-picker.ts';
import { RpcPool } from '../../src/rpc/client/pool.ts';
import { createDialer, type Dialer } from '../../src/rpc/dialer.ts';
import { RpcServer } from '../../src/rpc/server/server.ts';
import { createSnapshots, type SnapshotCaller } from '../../src/rpc/snapshots.ts';
import { createRpcRouterActor, type RpcRouter } from '../rpc/rpc-router.ts';
import type { Foundation } from './foundation.ts';

export interface RpcParts {
  readonly dialer: Dialer;
  readonly pool: RpcPool;
  readonly router: RpcRouter;
  readonly snapshots: SnapshotCaller;
}

/** Without snapshots: those need consensus, which is built on these parts. */
export interface ServerRpcParts extends Omit<RpcParts, 'snapshots'> {
  readonly server: RpcServer;
}

export function clientRpcParts(base: Foundation): RpcParts {
  const dialer = dialerOf(base, undefined);
  const pool = new RpcPool({ dialer, clock: base.world.clock });
  const router = createRpcRouterActor(routerDeps(base, pool));
  const { clock } = base.world;
  return {
    dialer,
    pool,
    router,
    snapshots: createSnapshots({ dialer, clock, router: () => router.view() }),
  };
}

/** The registry is empty at first: the methods need what is built on these parts. */
export function serverRpcParts(base: Foundation, picker: FailoverPicker): ServerRpcParts {
  const dialer = dialerOf(base, picker);
  const pool = new RpcPool({ dialer, clock: base.world.clock });
  const server: RpcServer = new RpcServer({
    clock: base.world.clock,
    methods: [],
    dispatch: (served, request, origin) => {
      base.metrics.count('rpc.request');
      return router.forwarder.dispatch(served, request, origin);
    },
  });
  const router = createRpcRouterActor({
    ...routerDeps(base, pool),
    registry: server.registry,
    gateways: picker,
  });
  return { dialer, pool, router, server };
}

function dialerOf(base: Foundation, picker: FailoverPicker | undefined): Dialer {
  const { plan, clusterWorld, tls } = base;
  return createDialer({
    network: clusterWorld.network,
    datacenter: plan.datacenter,
    role: plan.role,
    tls,
    ...(picker !== undefined && plan.connect.meshGatewayWanFederation ? { gateways: picker } : {}),
  });
}

function routerDeps(base: Foundation, pool: RpcPool) {
  const { plan, world, log } = base;
  return {
    world,
    log: log.child('rpc-router'),
    role: plan.role,
    node: plan.node.name,
    datacenter: plan.datacenter,
    primaryDatacenter: plan.primaryDatacenter,
    pool,
    holdTimeoutMs: plan.limits.rpcHoldTimeoutMs,
  };
}

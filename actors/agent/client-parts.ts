/** What makes an agent a client: a router that knows the servers of its datacenter. */

import type { ChildSpec } from '../../machines/supervisor.types.ts';
import { autoEncryptParts } from './auto-encrypt.ts';
import type { Foundation } from './foundation.ts';
import { clientRpcParts, type RpcParts } from './rpc-parts.ts';

export interface ClientParts {
  readonly rpc: RpcParts;
  readonly lanListeners: readonly [];
  readonly children: readonly ChildSpec[];
}

export function clientParts(base: Foundation): ClientParts {
  const rpc = clientRpcParts(base);
  const { plan, world } = base;
  return {
    rpc,
    lanListeners: [],
    children: [
      ...autoEncryptParts(base, rpc.router.forwarder),
      {
        id: 'rpc-router',
        logic: rpc.router.machine,
        input: {
          datacenter: plan.datacenter,
          role: 'client',
          node: plan.node.name,
          seed: world.random.uint32(),
        },
        restart: 'permanent',
        shutdownMs: 0,
      },
    ],
  };
}

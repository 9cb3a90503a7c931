/** The agent's own services and checks, and what the HTTP door sees of them. */

import { isIPv6 } from 'node:net';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import type { LocalServices } from '../../src/http/local-services.ts';
import type { NodeFacts } from '../../src/local/sync.ts';
import type { RpcCaller } from '../../src/rpc/method.ts';
import type { Foundation } from './foundation.ts';
import { createLocalServicesActor, createLocalServicesFacade } from './local-services.ts';
import { createLocalStore, forgetfulStore } from './local-store.ts';

export interface LocalParts {
  readonly services: LocalServices;
  counts(): { readonly services: number; readonly checks: number };
  readonly children: readonly ChildSpec[];
}

/** Reads what was registered before the last restart. Rejects when that cannot be read. */
export async function localParts(
  base: Foundation,
  rpc: RpcCaller,
  caPem: readonly string[],
): Promise<LocalParts> {
  const { plan, world, bus } = base;
  const log = base.log.child('local-services');
  const store =
    plan.dataDir === undefined
      ? forgetfulStore
      : createLocalStore({ disk: world.disk, clock: world.clock, folder: plan.dataDir, log });
  const services = createLocalServicesFacade(bus);
  const facts = nodeFacts(base);
  const logic = createLocalServicesActor({
    world,
    log,
    post: bus.postFor('local-services'),
    rpc,
    facts,
    store,
    caPem,
  });
  return {
    services,
    counts: () => {
      const view = services.view();
      return { services: view.services.size, checks: view.checks.size };
    },
    children: [
      {
        id: 'local-services',
        logic,
        input: { facts, restored: await store.load() },
        restart: 'permanent',
        shutdownMs: 0,
      },
    ],
  };
}

/** What the agent writes of its node into the catalog. */
function nodeFacts({ plan, nodeId }: Foundation): NodeFacts {
  const { advertiseLan, advertiseWan, tagged } = plan.addresses;
  const family = (address: string): string => (isIPv6(address) ? 'ipv6' : 'ipv4');
  return {
    datacenter: plan.datacenter,
    id: nodeId,
    name: plan.node.name,
    address: advertiseLan,
    taggedAddresses: {
      lan: advertiseLan,
      [`lan_${family(advertiseLan)}`]: advertiseLan,
      wan: advertiseWan,
      [`wan_${family(advertiseWan)}`]: advertiseWan,
      ...tagged,
    },
    meta: { ...plan.node.meta, 'consul-network-segment': '' },
    token: '',
  };
}

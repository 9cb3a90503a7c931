/** What all parts of an agent stand on: its plan, its world, who it is, its bus, its TLS rules. */

import type { AgentPlan } from '../../src/config/plan.ts';
import type { Log } from '../../src/log.ts';
import type { Metrics } from '../../src/telemetry/metrics.ts';
import type { TlsConfigurator } from '../../src/tls/configurator.ts';
import { addressTest, filteredNetwork } from '../../src/world/filtered-network.ts';
import type { World } from '../../src/world/world.ts';
import type { Bus } from '../bus.ts';
import type { AgentViews } from './views.ts';

export interface Foundation {
  readonly plan: AgentPlan;
  readonly world: World;
  /** Dials members and servers from the address that this node binds to. */
  readonly clusterWorld: World;
  readonly log: Log;
  readonly bus: Bus;
  readonly nodeId: string;
  readonly tls: TlsConfigurator;
  readonly views: AgentViews;
  readonly metrics: Metrics;
}

/** The world with a network that hears only `cidrs`; all of it when there are none. */
export function worldHearing(world: World, cidrs: readonly string[], log: Log): World {
  if (cidrs.length === 0) return world;
  const refused = (from: { readonly address: string }, kind: string): void =>
    log.warn('refused by the list of allowed networks', { from: from.address, kind });
  return { ...world, network: filteredNetwork(world.network, addressTest(cidrs), refused) };
}

/** The retry-joiners of an agent: LAN always, WAN and the gateways of the primary on servers. */

import type { RetryJoinInput } from '../../machines/federation/retry-join.types.ts';
import type { ChildSpec } from '../../machines/supervisor.types.ts';
import { carriesServers } from '../../src/federation/gateway-addresses.ts';
import { anyServerOf, noDiscovery } from '../../src/federation/join-addresses.ts';
import { federationStates } from '../../src/store/read/other.ts';
import type { StoreSource } from '../../src/store/store.ts';
import { createRetryJoinActor } from '../federation/retry-join.ts';
import type { Foundation } from './foundation.ts';

/** `store` is that of a server. */
export function joinParts(base: Foundation, store?: StoreSource): readonly ChildSpec[] {
  const { plan, bus, log } = base;
  const common = { log: log.child('retry-join'), discovery: noDiscovery };
  const { retryLan, retryWan, primaryGateways } = plan.join;
  const lan = spec(
    'retry-join.lan',
    createRetryJoinActor({ ...common, variant: 'lan', post: bus.postFor('retry-join.lan') }),
    input(base, {
      variant: 'lan',
      addresses: [...plan.join.startLan, ...retryLan.addresses],
      attemptsMax: retryLan.triesMax,
      intervalMs: retryLan.intervalMs,
      startsWith: 'at once',
      watched: 'nothing',
    }),
  );
  if (plan.role === 'client' || plan.ports.serfWan === null) return [lan];
  const federated = plan.connect.meshGatewayWanFederation;
  const secondary = plan.datacenter !== plan.primaryDatacenter;
  const wan = spec(
    'retry-join.wan',
    createRetryJoinActor({
      ...common,
      variant: 'wan',
      post: bus.postFor('retry-join.wan'),
      ...(federated && !secondary && store !== undefined
        ? { moreAddresses: () => othersOf(store, plan.datacenter) }
        : {}),
    }),
    input(base, {
      variant: 'wan',
      addresses: federated
        ? secondary
          ? [anyServerOf(plan.primaryDatacenter)]
          : []
        : [...plan.join.startWan, ...retryWan.addresses],
      attemptsMax: retryWan.triesMax,
      intervalMs: retryWan.intervalMs,
      startsWith: federated ? 'gateways' : 'at once',
      watched: federated ? (secondary ? 'primary' : 'others') : 'nothing',
    }),
  );
  if (!federated || !secondary) return [lan, wan];
  const gateways = spec(
    'retry-join.primary-gateways',
    createRetryJoinActor({
      ...common,
      variant: 'primary-gateways',
      post: bus.postFor('retry-join.primary-gateways'),
    }),
    input(base, {
      variant: 'primary-gateways',
      addresses: primaryGateways.addresses,
      attemptsMax: 0,
      intervalMs: primaryGateways.intervalMs,
      startsWith: 'at once',
      watched: 'primary',
    }),
  );
  return [lan, gateways, wan];
}

/**
 * A restarted primary would otherwise wait until each secondary finds it again: any server of every
 * datacenter that has a record with gateways.
 */
function othersOf(store: StoreSource, datacenter: string): readonly string[] {
  return federationStates(store.view())
    .result.filter((state) => state.Datacenter.toLowerCase() !== datacenter)
    .filter((state) => (state.MeshGateways ?? []).some(carriesServers))
    .map((state) => anyServerOf(state.Datacenter.toLowerCase()));
}

function input(
  { plan }: Foundation,
  own: Omit<RetryJoinInput, 'datacenter' | 'primaryDatacenter'>,
): RetryJoinInput {
  return { ...own, datacenter: plan.datacenter, primaryDatacenter: plan.primaryDatacenter };
}

function spec(id: string, logic: ChildSpec['logic'], input: unknown): ChildSpec {
  return { id, logic, input, restart: 'transient', shutdownMs: 0 };
}

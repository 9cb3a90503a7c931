/** Leader-only tasks, and on federated servers the way to the other datacenters. */

import type { ChildSpec } from '../../machines/supervisor.types.ts';
import type { OpaqueMap } from '../../src/model/opaque.ts';
import {
  createFederationSupportActor,
  createSupportLatch,
} from '../federation/federation-support.ts';
import { createFloodJoinerActor } from '../federation/flood-joiner.ts';
import { createLeaderDutiesActor, federationDuties } from '../federation/leader-duties.ts';
import { connectCaDuty } from '../server/connect-ca.ts';
import type { ConsensusParts } from './consensus-parts.ts';
import type { Foundation } from './foundation.ts';
import type { ServerRpcParts } from './rpc-parts.ts';

export interface FederationParts {
  readonly supported: () => boolean;
  readonly children: readonly ChildSpec[];
  /** Children of `leader-duties`, there only while this server leads. */
  readonly duties: readonly ChildSpec[];
}

/** `others`: duties of a leader that have nothing to do with the federation. */
export function federationParts(
  base: Foundation,
  raft: ConsensusParts,
  rpc: ServerRpcParts,
  others: readonly ChildSpec[],
): FederationParts {
  const { plan, world, bus, log } = base;
  const { datacenter, primaryDatacenter } = plan;
  const latch = createSupportLatch();
  const dutyLog = log.child('leader-duties');
  const federation = federationDuties({
    post: bus.postFor('federation-replicator'),
    log: dutyLog.child('federation'),
    clock: world.clock,
    random: world.random,
    rpc: rpc.router.forwarder,
    raftApply: raft.raftApply,
    store: raft.store,
    support: latch,
    datacenter,
    primaryDatacenter,
    verifyLeader: () => raft.consensus.verifyLeader(),
    knownDatacenters: () => rpc.router.view().datacenters.map(({ name }) => name),
    token: () => '',
  });
  const authority = plan.connect.enabled ? [authorityDuty(base, raft, rpc)] : [];
  const duties = [...others, ...authority, ...federation];
  const support = createFederationSupportActor({
    log: log.child('federation-support'),
    store: raft.store,
    latch,
  });
  const leader = createLeaderDutiesActor({
    post: bus.postFor('leader-duties'),
    log: dutyLog,
    consensus: raft.consensus,
    node: plan.node.name,
  });
  const flood = createFloodJoinerActor({
    post: bus.postFor('flood-joiner'),
    log: log.child('flood-joiner'),
  });
  const wan = plan.ports.serfWan !== null;
  return {
    supported: () => latch.latched,
    duties,
    children: [
      spec('federation-support', support, { datacenter, primaryDatacenter }),
      ...(wan ? [spec('flood-joiner', flood, { datacenter })] : []),
      spec('leader-duties', leader, { duties }),
    ],
  };
}

function authorityDuty(
  { plan, world, log }: Foundation,
  raft: ConsensusParts,
  rpc: ServerRpcParts,
): ChildSpec {
  return connectCaDuty({
    log: log.child('leader-duties').child('connect-ca'),
    clock: world.clock,
    random: world.random,
    rpc: rpc.router.forwarder,
    raftApply: raft.raftApply,
    store: raft.store,
    datacenter: plan.datacenter,
    primaryDatacenter: plan.primaryDatacenter,
    settings: { provider: plan.connect.caProvider, config: settingsOf(plan.connect.caConfig) },
    token: () => '',
  });
}

/** A block of HCL comes as a list of one. */
function settingsOf(config: unknown): OpaqueMap {
  return ((Array.isArray(config) ? config[0] : config) ?? {}) as OpaqueMap;
}

function spec(id: string, logic: ChildSpec['logic'], input: unknown): ChildSpec {
  return { id, logic, input, restart: 'permanent', shutdownMs: 0 };
}

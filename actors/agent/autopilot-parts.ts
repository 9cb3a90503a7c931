/** Autopilot of this server, which works while it leads. */

import type { ChildSpec } from '../../machines/supervisor.types.ts';
import type { KnownServer, ServerStats } from '../../src/autopilot/state.ts';
import { parseGoDuration } from '../../src/go-duration.ts';
import { joinHostPort, splitHostPort } from '../../src/host-port.ts';
import { serverOfMember } from '../../src/model/consul-tags.ts';
import { AutopilotConfig } from '../../src/model/operator.ts';
import { STATUS_RAFT_STATS } from '../../src/rpc/methods/status.ts';
import { nodeById } from '../../src/store/index.ts';
import { type AutopilotBoard, createAutopilotActor } from '../server/autopilot.ts';
import type { ConsensusParts } from './consensus-parts.ts';
import type { Foundation } from './foundation.ts';
import type { ServerRpcParts } from './rpc-parts.ts';

const NS_PER_MS = 1e6;

/** A child of `leader-duties`. */
export function autopilotDuty(
  base: Foundation,
  raft: ConsensusParts,
  rpc: ServerRpcParts,
  board: AutopilotBoard,
): ChildSpec {
  const { plan, world, bus, log, views } = base;
  const logic = createAutopilotActor({
    post: bus.postFor('autopilot'),
    log: log.child('leader-duties').child('autopilot'),
    clock: world.clock,
    datacenter: plan.datacenter,
    consensus: raft.consensus,
    raftApply: raft.raftApply,
    store: raft.store,
    initialConfig: initialConfig(base),
    knownServers: () => knownServers(base, raft),
    statsOf: (server, signal) => statsOf(base, raft, rpc, server, signal),
    failedInWan: (name) => views.wan?.members.get(name)?.status === 'failed',
    board,
  });
  return { id: 'autopilot', logic, restart: 'permanent', shutdownMs: 0 };
}

function initialConfig({ plan: { autopilot } }: Foundation): AutopilotConfig {
  return AutopilotConfig.of({
    CleanupDeadServers: autopilot.cleanupDeadServers,
    LastContactThreshold: autopilot.lastContactThresholdMs * NS_PER_MS,
    MaxTrailingLogs: autopilot.maxTrailingLogs,
    MinQuorum: autopilot.minQuorum,
    ServerStabilizationTime: autopilot.serverStabilizationTimeMs * NS_PER_MS,
  });
}

function knownServers(
  { plan, views }: Foundation,
  { store }: ConsensusParts,
): ReadonlyMap<string, KnownServer> {
  const view = store.view();
  const known = new Map<string, KnownServer>();
  for (const member of views.lan?.members.values() ?? []) {
    const server = serverOfMember(member);
    if (server === null || server.datacenter !== plan.datacenter) continue;
    known.set(server.id, {
      id: server.id,
      name: member.name,
      address: joinHostPort(server.address, server.port),
      // One that is leaving must not be taken for dead.
      status: member.status === 'leaving' ? 'alive' : member.status,
      version: server.version,
      raftVersion: server.raftVersion,
      meta: nodeById(view, server.id)?.Meta ?? null,
      readReplica: server.nonVoter,
    });
  }
  return known;
}

async function statsOf(
  { plan, nodeId }: Foundation,
  { consensus }: ConsensusParts,
  { pool }: ServerRpcParts,
  server: KnownServer,
  signal: AbortSignal,
): Promise<ServerStats> {
  if (server.id === nodeId) {
    const { lastTerm, lastIndex } = consensus.view();
    return { LastContact: 0, LastTerm: lastTerm, LastIndex: lastIndex };
  }
  const { host, port } = splitHostPort(server.address);
  const entry = {
    node: server.name,
    datacenter: plan.datacenter,
    address: { address: host, port },
  };
  const told = await pool.call(entry, STATUS_RAFT_STATS, {}, { signal });
  // `never` counts as now, as Consul counts it.
  return { ...told, LastContact: parseGoDuration(told.LastContact) ?? 0 };
}

/**
 * How well the servers of the datacenter are, by what gossip knows of them and what they tell of
 * their logs (raft-autopilot 0.1).
 */

import type { AutopilotConfig, AutopilotServerState, AutopilotState } from '../model/operator.ts';
import { goTimeFromUnixMs } from '../wire/msgpack/time.ts';

/** A server as gossip and catalog know it. */
export interface KnownServer {
  readonly id: string;
  /** Name in the LAN pool. */
  readonly name: string;
  readonly address: string;
  readonly status: 'alive' | 'left' | 'failed';
  readonly version: string;
  readonly raftVersion: number;
  readonly meta: Readonly<Record<string, string>> | null;
  /** Never to be given a vote. */
  readonly readReplica: boolean;
}

export type ServerStats = AutopilotServerState['Stats'];

/** A server of the raft configuration. */
export interface RaftPeerFacts {
  readonly id: string;
  readonly address: string;
  readonly voter: boolean;
}

export interface HealthInput {
  readonly config: AutopilotConfig;
  readonly peers: readonly RaftPeerFacts[];
  readonly leaderId: string;
  /** Term and index of the last entry in the leader's log. */
  readonly lastTerm: number;
  readonly lastIndex: number;
  readonly known: ReadonlyMap<string, KnownServer>;
  /** What those servers told that answered in time. */
  readonly stats: ReadonlyMap<string, ServerStats>;
  /** Unix time in ms. */
  readonly nowMs: number;
}

const NO_STATS: ServerStats = { LastContact: 0, LastTerm: 0, LastIndex: 0 };

/** The state after the one before. */
export function nextState(input: HealthInput, before: AutopilotState | null): AutopilotState {
  const servers = input.peers.map((peer) =>
    serverState(input, peer, before?.Servers?.[peer.id] ?? null),
  );
  const voters = servers.filter(({ State }) => State !== 'non-voter');
  const healthy = voters.filter(({ Health }) => Health.Healthy).length;
  const quorum = Math.floor(voters.length / 2) + 1;
  const ids = voters.map(({ Server }) => Server.ID);
  const leader = voters.find(({ State }) => State === 'leader')?.Server.ID ?? '';
  return {
    Healthy: servers.every(({ Health }) => Health.Healthy),
    FailureTolerance: Math.max(healthy - quorum, 0),
    Servers: Object.fromEntries(servers.map((one) => [one.Server.ID, one])),
    Leader: leader,
    Voters: [...ids.filter((id) => id === leader), ...ids.filter((id) => id !== leader).sort()],
    Ext: null,
  };
}

function serverState(
  input: HealthInput,
  peer: RaftPeerFacts,
  before: AutopilotServerState | null,
): AutopilotServerState {
  const known = input.known.get(peer.id);
  const stats = input.stats.get(peer.id) ?? before?.Stats ?? NO_STATS;
  const healthy = isHealthy(input, known, stats);
  const unchanged = before !== null && before.Health.Healthy === healthy;
  return {
    Server: {
      ID: peer.id,
      Name: known?.name ?? '',
      Address: peer.address,
      NodeStatus: known?.status ?? 'unknown',
      Version: known?.version ?? '',
      Meta: known?.meta ?? null,
      RaftVersion: known?.raftVersion ?? 0,
      NodeType: known?.readReplica === true ? 'read-replica' : 'voter',
      Ext: null,
    },
    State: peer.id === input.leaderId ? 'leader' : peer.voter ? 'voter' : 'non-voter',
    Stats: stats,
    Health: {
      Healthy: healthy,
      StableSince: unchanged ? before.Health.StableSince : goTimeFromUnixMs(input.nowMs),
    },
  };
}

function isHealthy(
  { config, lastTerm, lastIndex }: HealthInput,
  known: KnownServer | undefined,
  stats: ServerStats,
): boolean {
  return (
    known?.status === 'alive' &&
    stats.LastContact <= config.LastContactThreshold &&
    stats.LastTerm === lastTerm &&
    stats.LastIndex >= lastIndex - config.MaxTrailingLogs
  );
}

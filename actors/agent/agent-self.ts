/** `/v1/agent/self`: who this agent is, how it was told to run, and its figures. */

import { arch, cpus, platform } from 'node:os';
import { votersOf } from '../../src/consensus/configuration.ts';
import type { RaftView } from '../../src/consensus/consensus.ts';
import type { AgentSelf, DebugValue } from '../../src/http/agent-facts.ts';
import type { Member, MembersView } from '../../src/model/member.ts';
import { CONSUL_VERSION, PROTOCOL } from '../../src/version.ts';
import type { Foundation } from './foundation.ts';

/** What is known besides the views. */
export interface SelfSources {
  /** Checks and services of this agent. */
  readonly local: () => { readonly services: number; readonly checks: number };
  /** Datacenters known to the router; servers known to a client. */
  readonly known: () => { readonly datacenters: number; readonly servers: number };
}

type Section = Readonly<Record<string, string>>;

export function agentSelf(base: Foundation, sources: SelfSources): AgentSelf {
  const { plan, views } = base;
  const raft = views.raft();
  const member = views.lan?.members.get(views.lan.self);
  if (member === undefined) throw new Error('the LAN pool has not started yet');
  return {
    nodeId: base.nodeId,
    server: plan.role === 'server',
    debugConfig: debugConfig(base),
    coordinate: plan.disableCoordinates ? null : (views.lanCoordinates?.own ?? null),
    member,
    stats: {
      agent: agentSection(sources),
      build: { prerelease: '', revision: '', version: CONSUL_VERSION },
      consul: consulSection(base, sources),
      runtime: runtimeSection(),
      serf_lan: poolSection(views.lan, base),
      ...(raft !== undefined
        ? { raft: raftSection(raft), serf_wan: poolSection(views.wan, base) }
        : {}),
    },
    meta: { ...plan.node.meta, 'consul-network-segment': '' },
  };
}

function agentSection({ local }: SelfSources): Section {
  const { services, checks } = local();
  return {
    check_monitors: '0',
    check_ttls: '0',
    checks: String(checks),
    services: String(services),
  };
}

function consulSection({ plan, views }: Foundation, { known }: SelfSources): Section {
  const raft = views.raft();
  const { datacenters, servers } = known();
  if (plan.role === 'client') {
    return { acl: 'disabled', known_servers: String(servers), server: 'false' };
  }
  return {
    acl: 'disabled',
    bootstrap: String(plan.bootstrap.kind === 'single'),
    known_datacenters: String(datacenters),
    leader: String(raft?.role === 'leader'),
    leader_addr: raft?.leader?.address ?? '',
    server: 'true',
  };
}

const RAFT_ROLE_NAMES = {
  follower: 'Follower',
  candidate: 'Candidate',
  leader: 'Leader',
  shutdown: 'Shutdown',
} as const;

function raftSection(raft: RaftView): Section {
  const servers = raft.configuration.servers.map(
    ({ suffrage, id, address }) =>
      `{Suffrage:${suffrage === 'voter' ? 'Voter' : 'Nonvoter'} ID:${id} Address:${address}}`,
  );
  return {
    applied_index: String(raft.appliedIndex),
    commit_index: String(raft.commitIndex),
    fsm_pending: '0',
    last_contact: raft.lastContactMs === undefined ? 'never' : contactText(raft.lastContactMs),
    last_log_index: String(raft.lastIndex),
    last_log_term: String(raft.lastTerm),
    last_snapshot_index: String(raft.snapshotIndex),
    last_snapshot_term: String(raft.snapshotTerm),
    latest_configuration: `[${servers.join(' ')}]`,
    latest_configuration_index: '0',
    num_peers: String(Math.max(votersOf(raft.configuration).length - 1, 0)),
    protocol_version: '3',
    protocol_version_max: '3',
    protocol_version_min: '0',
    snapshot_version_max: '1',
    snapshot_version_min: '0',
    state: RAFT_ROLE_NAMES[raft.role],
    term: String(raft.term),
  };
}

function contactText(ms: number): string {
  return ms === 0 ? '0' : `${ms.toFixed(3)}ms`;
}

function runtimeSection(): Section {
  const count = String(cpus().length);
  return {
    arch: arch() === 'x64' ? 'amd64' : arch(),
    cpu_count: count,
    goroutines: '0',
    max_procs: count,
    os: platform(),
    version: process.version,
  };
}

function poolSection(view: MembersView | undefined, { plan }: Foundation): Section {
  const members: readonly Member[] = view === undefined ? [] : [...view.members.values()];
  const counted = (status: Member['status']): string =>
    String(members.filter((member) => member.status === status).length);
  return {
    encrypted: String(plan.gossip.encryptKey !== undefined),
    failed: counted('failed'),
    left: counted('left'),
    members: String(members.length),
  };
}

/** Runtime settings under the names that Consul's tools read. */
function debugConfig({ plan, nodeId }: Foundation): Readonly<Record<string, DebugValue>> {
  return {
    Bootstrap: plan.bootstrap.kind === 'single',
    BootstrapExpect: plan.bootstrap.kind === 'expect' ? plan.bootstrap.servers : 0,
    BindAddr: plan.addresses.bind,
    AdvertiseAddrLAN: plan.addresses.advertiseLan,
    AdvertiseAddrWAN: plan.addresses.advertiseWan,
    ClientAddrs: [...plan.addresses.client],
    ConnectEnabled: plan.connect.enabled,
    ConnectMeshGatewayWANFederationEnabled: plan.connect.meshGatewayWanFederation,
    DNSPort: plan.ports.dns ?? -1,
    Datacenter: plan.datacenter,
    DevMode: plan.devMode,
    EnableDebug: plan.http.debugEndpoints,
    EncryptKey: 'hidden',
    GRPCPort: plan.ports.grpc ?? -1,
    HTTPPort: plan.ports.http ?? -1,
    HTTPSPort: plan.ports.https ?? -1,
    NodeID: nodeId,
    NodeName: plan.node.name,
    PrimaryDatacenter: plan.primaryDatacenter,
    PrimaryGateways: [...plan.join.primaryGateways.addresses],
    ProtocolVersion: PROTOCOL.spoken,
    RetryJoinLAN: [...plan.join.retryLan.addresses],
    RetryJoinWAN: [...plan.join.retryWan.addresses],
    SerfPortLAN: plan.ports.serfLan,
    SerfPortWAN: plan.ports.serfWan ?? -1,
    ServerMode: plan.role === 'server',
    ServerPort: plan.ports.server,
    VerifyIncoming: plan.tls.verifyIncoming,
    VerifyIncomingRPC: plan.tls.verifyIncomingRpc,
    VerifyOutgoing: plan.tls.verifyOutgoing,
    VerifyServerHostname: plan.tls.verifyServerHostname,
    Version: CONSUL_VERSION,
  };
}

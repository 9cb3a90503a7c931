/**
 * What Consul's agents tell of themselves through tags, and how a server is recognised by them
 * (Consul 1.8 to 1.16).
 */

import type { Member, MemberStatus } from './member.ts';

export const VSN = 2;
export const VSN_MIN = 2;
export const VSN_MAX = 3;
export const RAFT_VSN = 3;

/** Value of the tag `acls`; a server without it is of unknown mode. */
export type AclMode = 'disabled' | 'enabled' | 'legacy' | 'unknown';
const ACL_TAG: Readonly<Record<string, AclMode>> = {
  '0': 'disabled',
  '1': 'enabled',
  '2': 'legacy',
};
const ACL_VALUE = { disabled: '0', enabled: '1', legacy: '2' } as const;

interface AgentTagFacts {
  readonly datacenter: string;
  readonly nodeId: string;
  /** `<version><prerelease>:<first 8 of commit>`. */
  readonly build: string;
  readonly acls: Exclude<AclMode, 'unknown'>;
}

export interface ServerTagFacts extends AgentTagFacts {
  /** Server RPC port. */
  readonly port: number;
  /** Port of the WAN pool, told in the LAN pool only; null when there is no WAN pool. */
  readonly wanJoinPort: number | null;
  readonly bootstrap: boolean;
  /** 0: not expecting. */
  readonly bootstrapExpect: number;
  readonly readReplica: boolean;
  /** Whether a CA is configured. */
  readonly useTls: boolean;
  /** External gRPC ports, of 1.13 and 1.14; null when off. */
  readonly grpcPort: number | null;
  readonly grpcTlsPort: number | null;
}

export type Tags = Readonly<Record<string, string>>;

/** Tags of a server in one of its pools. */
export function serverTags(facts: ServerTagFacts, pool: 'lan' | 'wan'): Tags {
  const tags: Record<string, string> = {
    role: 'consul',
    dc: facts.datacenter,
    segment: '',
    id: facts.nodeId,
    vsn: String(VSN),
    vsn_min: String(VSN_MIN),
    vsn_max: String(VSN_MAX),
    raft_vsn: String(RAFT_VSN),
    build: facts.build,
    port: String(facts.port),
    acls: ACL_VALUE[facts.acls],
    ft_fs: '1',
    ft_si: '1',
  };
  if (pool === 'lan' && facts.wanJoinPort !== null) {
    tags['wan_join_port'] = String(facts.wanJoinPort);
  }
  if (facts.bootstrap) tags['bootstrap'] = '1';
  if (facts.bootstrapExpect !== 0) tags['expect'] = String(facts.bootstrapExpect);
  if (facts.readReplica) {
    tags['nonvoter'] = '1';
    tags['read_replica'] = '1';
  }
  if (facts.useTls) tags['use_tls'] = '1';
  if (facts.grpcPort !== null) tags['grpc_port'] = String(facts.grpcPort);
  if (facts.grpcTlsPort !== null) tags['grpc_tls_port'] = String(facts.grpcTlsPort);
  return tags;
}

export interface ClientTagFacts extends AgentTagFacts {
  readonly segment: string;
  /** Go duration after which a failed client is forgotten; null: the pool's default. */
  readonly advertiseReconnectTimeout: string | null;
}

/** Tags of a client agent. */
export function clientTags(facts: ClientTagFacts): Tags {
  const tags: Record<string, string> = {
    role: 'node',
    dc: facts.datacenter,
    segment: facts.segment,
    id: facts.nodeId,
    vsn: String(VSN),
    vsn_min: String(VSN_MIN),
    vsn_max: String(VSN_MAX),
    build: facts.build,
    acls: ACL_VALUE[facts.acls],
  };
  if (facts.advertiseReconnectTimeout !== null) tags['rc_tm'] = facts.advertiseReconnectTimeout;
  return tags;
}

/** A server as its tags tell it. */
export interface ServerFacts {
  /** Name in the pool. */
  readonly name: string;
  /** Name without the suffix `.<dc>`. */
  readonly shortName: string;
  readonly id: string;
  readonly datacenter: string;
  readonly segment: string;
  readonly address: string;
  /** Server RPC port. */
  readonly port: number;
  /** Port of the WAN pool; 0 when not told. */
  readonly wanJoinPort: number;
  readonly bootstrap: boolean;
  readonly expect: number;
  readonly build: string;
  /** The first `d.d.d` of the build. */
  readonly version: string;
  readonly rpcVersion: number;
  readonly raftVersion: number;
  readonly nonVoter: boolean;
  readonly readReplica: boolean;
  readonly useTls: boolean;
  readonly acls: AclMode;
  readonly status: MemberStatus;
  /** Values of the tags `ft_<name>`. */
  readonly features: Readonly<Record<string, number>>;
  readonly grpcPort: number;
  readonly grpcTlsPort: number;
}

/** Go's strconv.Atoi, or null. */
function atoi(text: string | undefined): number | null {
  if (text === undefined || !/^[+-]?\d+$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** An optional integer: absent is 0, malformed null. */
function optional(text: string | undefined): number | null {
  return text === undefined ? 0 : atoi(text);
}

const VERSION = /\d+\.\d+\.\d+/;

/** The server that a member is, or null if it is none. */
export function serverOfMember(
  member: Pick<Member, 'name' | 'address' | 'tags' | 'status'>,
): ServerFacts | null {
  const { tags } = member;
  if (tags['role'] !== 'consul') return null;
  const port = atoi(tags['port']);
  const expect = optional(tags['expect']);
  const wanJoinPort = optional(tags['wan_join_port']);
  const rpcVersion = atoi(tags['vsn']);
  const raftVersion = optional(tags['raft_vsn']);
  const version = VERSION.exec(tags['build'] ?? '')?.[0];
  const features = readFeatures(tags);
  const grpc = readGrpcPorts(tags);
  if (port === null || expect === null || wanJoinPort === null || rpcVersion === null) return null;
  if (raftVersion === null || version === undefined || features === null || grpc === null) {
    return null;
  }
  if (!segmentAddressesAreValid(tags)) return null;
  const datacenter = tags['dc'] ?? '';
  return {
    name: member.name,
    shortName: withoutSuffix(member.name, `.${datacenter}`),
    id: tags['id'] ?? '',
    datacenter,
    segment: tags['segment'] ?? '',
    address: member.address,
    port,
    wanJoinPort,
    bootstrap: tags['bootstrap'] !== undefined,
    expect,
    build: tags['build'] ?? '',
    version,
    rpcVersion,
    raftVersion,
    nonVoter: tags['nonvoter'] !== undefined,
    readReplica: tags['read_replica'] !== undefined,
    useTls: tags['use_tls'] !== undefined,
    acls: ACL_TAG[tags['acls'] ?? ''] ?? 'unknown',
    status: member.status,
    features,
    ...grpc,
  };
}

function withoutSuffix(text: string, suffix: string): string {
  return text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
}

function readFeatures(tags: Tags): Record<string, number> | null {
  const features: Record<string, number> = {};
  for (const [tag, text] of Object.entries(tags)) {
    if (!tag.startsWith('ft_')) continue;
    const value = atoi(text);
    if (value === null) return null;
    features[tag.slice(3)] = value;
  }
  return features;
}

/** With either tag present, at least one port has to be positive. */
function readGrpcPorts(tags: Tags): { grpcPort: number; grpcTlsPort: number } | null {
  const grpcPort = optional(tags['grpc_port']);
  const grpcTlsPort = optional(tags['grpc_tls_port']);
  if (grpcPort === null || grpcTlsPort === null) return null;
  const told = tags['grpc_port'] !== undefined || tags['grpc_tls_port'] !== undefined;
  return told && grpcPort < 1 && grpcTlsPort < 1 ? null : { grpcPort, grpcTlsPort };
}

function segmentAddressesAreValid(tags: Tags): boolean {
  return Object.entries(tags).every(([tag, text]) => {
    if (!tag.startsWith('sl_')) return true;
    const colon = text.lastIndexOf(':');
    return colon >= 0 && atoi(text.slice(colon + 1)) !== null;
  });
}

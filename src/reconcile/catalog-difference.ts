/**
 * What the leader must write so that the catalog says what gossip knows of a LAN member: an alive
 * member is a node with a passing `serfHealth`, a failed one has it critical, one that left is gone;
 * servers also appear as service `consul`. (Consul's reconcile.)
 */

import { DeregisterRequest, type Node, NodeService, RegisterRequest } from '../model/catalog.ts';
import { serverOfMember } from '../model/consul-tags.ts';
import { HealthCheck } from '../model/health-check.ts';
import type { Member } from '../model/member.ts';

export const SERF_CHECK_ID = 'serfHealth';
const SERF_CHECK_NAME = 'Serf Health Status';
const ALIVE_OUTPUT = 'Agent alive and reachable';
const FAILED_OUTPUT = 'Agent not live or unreachable';
export const CONSUL_SERVICE = 'consul';

/** What the catalog holds of a node, as far as it matters here. */
export interface CatalogFacts {
  readonly node: Node | undefined;
  readonly serfCheck: HealthCheck | undefined;
  readonly consulService: NodeService | undefined;
}

/** The catalog, asked by node name. */
export type CatalogLookup = (node: string) => CatalogFacts;

export type CatalogChange =
  | { readonly kind: 'register'; readonly request: RegisterRequest }
  | { readonly kind: 'deregister'; readonly request: DeregisterRequest };

/** The change that `member` calls for; `undefined` when the catalog is right already. */
export function catalogDifference(
  member: Member,
  lookup: CatalogLookup,
  own: { readonly datacenter: string; readonly node: string },
): CatalogChange | undefined {
  if (member.tags['role'] !== 'consul' && member.tags['role'] !== 'node') return undefined;
  const facts = lookup(member.name);
  switch (member.status) {
    case 'alive':
    case 'leaving':
      return aliveDifference(member, facts, own.datacenter);
    case 'failed':
      return failedDifference(member, facts, own.datacenter);
    case 'left':
      return leftDifference(member.name, facts, own);
  }
}

/** The change for a node whose member has been forgotten by gossip (reaped). */
export function leftDifference(
  node: string,
  facts: CatalogFacts,
  own: { readonly datacenter: string; readonly node: string },
): CatalogChange | undefined {
  // A leader that removed itself from the catalog could not serve while it still leads.
  if (node === own.node || facts.node === undefined) return undefined;
  return {
    kind: 'deregister',
    request: DeregisterRequest.of({ Datacenter: own.datacenter, Node: node }),
  };
}

function aliveDifference(
  member: Member,
  facts: CatalogFacts,
  datacenter: string,
): CatalogChange | undefined {
  const service = consulService(member);
  const upToDate =
    facts.node?.Address === member.address &&
    facts.serfCheck?.Status === 'passing' &&
    (service === null || sameService(facts.consulService, service));
  if (upToDate) return undefined;
  return register(member, datacenter, service, 'passing', facts.node);
}

function failedDifference(
  member: Member,
  facts: CatalogFacts,
  datacenter: string,
): CatalogChange | undefined {
  const known = facts.node?.Address === member.address;
  if (known && facts.serfCheck?.Status === 'critical') return undefined;
  // Who is only heard of as failed is written as a bare node: its services are unknown.
  return register(member, datacenter, null, 'critical', facts.node);
}

function register(
  member: Member,
  datacenter: string,
  service: NodeService | null,
  status: 'passing' | 'critical',
  existing: Node | undefined,
): CatalogChange {
  return {
    kind: 'register',
    request: RegisterRequest.of({
      Datacenter: datacenter,
      Node: member.name,
      ID: member.tags['id'] ?? '',
      Address: member.address,
      Service: service,
      Check: HealthCheck.of({
        Node: member.name,
        CheckID: SERF_CHECK_ID,
        Name: SERF_CHECK_NAME,
        Status: status,
        Output: status === 'passing' ? ALIVE_OUTPUT : FAILED_OUTPUT,
      }),
      // What the agent itself wrote of its node (tagged addresses, meta) must survive, also when it
      // does so between this look and the write. A node that is not there is made in any case.
      SkipNodeUpdate: existing === undefined || existing.Address === member.address,
    }),
  };
}

function consulService(member: Member): NodeService | null {
  const server = serverOfMember(member);
  if (server === null) return null;
  return NodeService.of({
    ID: CONSUL_SERVICE,
    Service: CONSUL_SERVICE,
    Port: server.port,
    Weights: { Passing: 1, Warning: 1 },
    Meta: {
      non_voter: String(server.nonVoter),
      read_replica: String(server.readReplica),
      raft_version: String(server.raftVersion),
      serf_protocol_current: String(member.versions.protocolCur),
      serf_protocol_min: String(member.versions.protocolMin),
      serf_protocol_max: String(member.versions.protocolMax),
      version: server.version,
    },
  });
}

function sameService(stored: NodeService | undefined, wanted: NodeService): boolean {
  if (stored === undefined || stored.Port !== wanted.Port) return false;
  const meta = stored.Meta ?? {};
  return Object.entries(wanted.Meta ?? {}).every(([key, value]) => meta[key] === value);
}

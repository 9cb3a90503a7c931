/** Mesh gateways, federation states and members as small as they can be. */

import { CheckServiceNode, Node, NodeService } from '../../src/model/catalog.ts';
import { FederationState } from '../../src/model/federation-state.ts';
import { HealthCheck } from '../../src/model/health-check.ts';
import type { Member, MemberStatus, MembersView, PoolKind } from '../../src/model/member.ts';

export interface GatewayOptions {
  readonly node?: string;
  readonly id?: string;
  readonly lan?: string;
  readonly wan?: string;
  readonly port?: number;
  readonly wanPort?: number;
  readonly federation?: boolean;
  readonly status?: string;
  readonly output?: string;
}

/** A gateway with one check. `lan` and `wan` are hosts; ports default to 8443. */
export function gateway(options: GatewayOptions = {}): CheckServiceNode {
  const node = options.node ?? 'gw';
  const port = options.port ?? 8443;
  const id = options.id ?? 'mesh-gateway';
  return CheckServiceNode.of({
    Node: Node.of({ Node: node, Address: '10.9.9.9' }),
    Service: NodeService.of({
      Kind: 'mesh-gateway',
      ID: id,
      Service: 'mesh-gateway',
      Address: options.lan ?? '',
      Port: port,
      TaggedAddresses:
        options.wan === undefined
          ? null
          : { wan: { Address: options.wan, Port: options.wanPort ?? port } },
      Meta: options.federation === false ? {} : { 'consul-wan-federation': '1' },
    }),
    Checks: [
      HealthCheck.of({
        Node: node,
        CheckID: `service:${id}`,
        Status: options.status ?? 'passing',
        Output: options.output ?? '',
        ServiceID: id,
      }),
    ],
  });
}

export function record(
  datacenter: string,
  gateways: readonly CheckServiceNode[],
  indexes: Partial<FederationState> = {},
): FederationState {
  return FederationState.of({ Datacenter: datacenter, MeshGateways: gateways, ...indexes });
}

const VERSIONS = {
  protocolMin: 1,
  protocolMax: 5,
  protocolCur: 2,
  delegateMin: 2,
  delegateMax: 5,
  delegateCur: 4,
};

/** A Consul server as its tags describe it. */
export function server(
  name: string,
  dc: string,
  status: MemberStatus = 'alive',
  tags: Readonly<Record<string, string>> = {},
): Member {
  return {
    name,
    address: '10.0.0.1',
    port: 8302,
    tags: {
      role: 'consul',
      dc,
      port: '8300',
      vsn: '2',
      build: '1.9.1:',
      ft_fs: '1',
      wan_join_port: '8302',
      ...tags,
    },
    status,
    versions: VERSIONS,
  };
}

export function membersView(pool: PoolKind, members: readonly Member[]): MembersView {
  return {
    pool,
    self: members[0]?.name ?? '',
    version: 1,
    members: new Map(members.map((member) => [member.name, member])),
    changes: [],
  };
}

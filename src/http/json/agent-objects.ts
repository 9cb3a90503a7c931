/** How the agent, its members, services, checks and events look in answers. */

import type { NodeService, ServiceConnect } from '../../model/catalog.ts';
import type { Member, MemberStatus } from '../../model/member.ts';
import type { AgentSelf, DebugValue, SeenEvent } from '../agent-facts.ts';
import {
  agentProxyJson,
  connectJson,
  serviceAddressJson,
  weightsOrDefaultJson,
} from './objects.ts';
import {
  any,
  base64OrNull,
  bool,
  float,
  int,
  type JsonOutput,
  list,
  map,
  nullable,
  object,
  omit,
  str,
} from './output.ts';

const STATUS_CODES: Readonly<Record<MemberStatus, number>> = {
  alive: 1,
  leaving: 2,
  left: 3,
  failed: 4,
};

export const memberJson: JsonOutput<Member> = {
  text(member) {
    const { versions } = member;
    return shownMember.text({
      Name: member.name,
      Addr: member.address,
      Port: member.port,
      Tags: member.tags,
      Status: STATUS_CODES[member.status],
      ProtocolMin: versions.protocolMin,
      ProtocolMax: versions.protocolMax,
      ProtocolCur: versions.protocolCur,
      DelegateMin: versions.delegateMin,
      DelegateMax: versions.delegateMax,
      DelegateCur: versions.delegateCur,
    });
  },
  isEmpty: () => false,
};

interface ShownMember {
  readonly Name: string;
  readonly Addr: string;
  readonly Port: number;
  readonly Tags: Readonly<Record<string, string>> | null;
  readonly Status: number;
  readonly ProtocolMin: number;
  readonly ProtocolMax: number;
  readonly ProtocolCur: number;
  readonly DelegateMin: number;
  readonly DelegateMax: number;
  readonly DelegateCur: number;
}

const shownMember = object<ShownMember>({
  Name: str,
  Addr: str,
  Port: int,
  Tags: map(str),
  Status: int,
  ProtocolMin: int,
  ProtocolMax: int,
  ProtocolCur: int,
  DelegateMin: int,
  DelegateMax: int,
  DelegateCur: int,
});

/** Needs `ContentHash` only where a single service is shown. */
export interface ShownService
  extends Pick<
    NodeService,
    'Kind' | 'ID' | 'Service' | 'Tags' | 'Meta' | 'Port' | 'Address' | 'TaggedAddresses'
  > {
  readonly Weights: NodeService['Weights'];
  readonly EnableTagOverride: boolean;
  readonly ContentHash: string;
  /** `null` for typical services. */
  readonly Proxy: NodeService['Proxy'] | null;
  readonly Connect: ServiceConnect | null;
  readonly Datacenter: string;
}

export const agentServiceJson = object<ShownService>({
  Kind: omit(str),
  ID: str,
  Service: str,
  Tags: list(str),
  Meta: map(str, '{}'),
  Port: int,
  Address: str,
  TaggedAddresses: omit(map(serviceAddressJson)),
  Weights: weightsOrDefaultJson,
  EnableTagOverride: bool,
  ContentHash: omit(str),
  Proxy: omit(nullable(agentProxyJson)),
  Connect: omit(nullable(connectJson)),
  Datacenter: str,
});

export function shownService(
  service: NodeService,
  datacenter: string,
  contentHash = '',
): ShownService {
  return {
    Kind: service.Kind,
    ID: service.ID,
    Service: service.Service,
    Tags: service.Tags,
    Meta: service.Meta,
    Port: service.Port,
    Address: service.Address,
    TaggedAddresses: service.TaggedAddresses,
    Weights: service.Weights,
    EnableTagOverride: service.EnableTagOverride,
    ContentHash: contentHash,
    Proxy: service.Kind === '' ? null : service.Proxy,
    Connect: service.Connect.Native ? service.Connect : null,
    Datacenter: datacenter,
  };
}

const debugJson: JsonOutput<DebugValue> = {
  text: (value) => any.text(value),
  isEmpty: () => false,
};

const configJson = object<{
  readonly Datacenter: string;
  readonly NodeName: string;
  readonly NodeID: string;
  readonly Revision: string;
  readonly Server: boolean;
  readonly Version: string;
}>({ Datacenter: str, NodeName: str, NodeID: str, Revision: str, Server: bool, Version: str });

const coordinateJson = object<NonNullable<AgentSelf['coordinate']>>({
  Vec: list(float),
  Error: float,
  Adjustment: float,
  Height: float,
});

/** `/v1/agent/self` */
export function selfText(
  self: AgentSelf,
  own: { readonly datacenter: string; readonly node: string },
  version: string,
): string {
  const config = configJson.text({
    Datacenter: own.datacenter,
    NodeName: own.node,
    NodeID: self.nodeId,
    Revision: '',
    Server: self.server,
    Version: version,
  });
  const parts = [
    `"Config":${config}`,
    `"DebugConfig":${map(debugJson, '{}').text(self.debugConfig)}`,
    `"Coord":${nullable(coordinateJson).text(self.coordinate)}`,
    `"Member":${memberJson.text(self.member)}`,
    `"Stats":${map(map(str, '{}'), '{}').text(self.stats)}`,
    `"Meta":${map(str, '{}').text(self.meta)}`,
  ];
  return `{${parts.join(',')}}`;
}

interface ShownEvent {
  readonly ID: string;
  readonly Name: string;
  readonly Payload: Uint8Array | null;
  readonly NodeFilter: string;
  readonly ServiceFilter: string;
  readonly TagFilter: string;
  readonly Version: number;
  readonly LTime: bigint;
}

const shownEvent = object<ShownEvent>({
  ID: str,
  Name: str,
  Payload: base64OrNull,
  NodeFilter: str,
  ServiceFilter: str,
  TagFilter: str,
  Version: int,
  LTime: int,
});

export const eventJson: JsonOutput<SeenEvent> = {
  text: (event) =>
    shownEvent.text({
      ID: event.id,
      Name: event.name,
      Payload: event.payload,
      NodeFilter: event.nodeFilter,
      ServiceFilter: event.serviceFilter,
      TagFilter: event.tagFilter,
      Version: event.version,
      LTime: event.ltime,
    }),
  isEmpty: () => false,
};

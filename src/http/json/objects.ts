/** How the objects of the catalog, of KV, of sessions and of operations look in answers. */

import type {
  CheckServiceNode,
  ConnectProxyConfig,
  ExposeConfig,
  ExposePath,
  MeshGatewayConfig,
  Node,
  NodeInfo,
  NodeService,
  ServiceAddress,
  ServiceConnect,
  ServiceNode,
  Upstream,
  Weights,
} from '../../model/catalog.ts';
import type { Coordinate, DatacenterMap, NetworkCoordinate } from '../../model/coordinate.ts';
import type { FederationState, FederationStateResponse } from '../../model/federation-state.ts';
import type { HealthCheck, HealthCheckDefinition } from '../../model/health-check.ts';
import type { DirEntry } from '../../model/kv.ts';
import type { RaftConfigurationResponse, RaftServer } from '../../model/operator.ts';
import type { ServiceCheck, Session } from '../../model/session.ts';
import {
  any,
  base64OrNull,
  bool,
  durationText,
  float,
  int,
  type JsonOutput,
  list,
  map,
  nullable,
  object,
  omit,
  str,
  time,
} from './output.ts';

/** For absent tags: `[]` in most answers, `null` in federation states and transactions. */
type NilTags = 'null' | '[]';

const INDEXES = { CreateIndex: int, ModifyIndex: int } as const;

export const nodeJson = object<Node>({
  ID: str,
  Node: str,
  Address: str,
  Datacenter: str,
  TaggedAddresses: map(str),
  Meta: map(str),
  ...INDEXES,
});

export const serviceAddressJson = object<ServiceAddress>({ Address: str, Port: int });
export const weightsJson = object<Weights>({ Passing: int, Warning: int });
const DEFAULT_WEIGHTS: Weights = { Passing: 1, Warning: 1 };
export const weightsOrDefaultJson: JsonOutput<Weights | null> = {
  text: (value) => weightsJson.text(value ?? DEFAULT_WEIGHTS),
  isEmpty: () => false,
};

export const meshGatewayJson = object<MeshGatewayConfig>({ Mode: omit(str) });

export function exposeJson(
  parsedFromCheck: 'always' | 'omitted when false',
): JsonOutput<ExposeConfig> {
  const path = object<ExposePath>({
    ListenerPort: omit(int),
    Path: omit(str),
    LocalPathPort: omit(int),
    Protocol: omit(str),
    ParsedFromCheck: parsedFromCheck === 'always' ? bool : omit(bool),
  });
  return object<ExposeConfig>({ Checks: omit(bool), Paths: omit(list(path)) });
}

const upstreamJson = object<Upstream>({
  DestinationType: str,
  DestinationNamespace: omit(str),
  DestinationName: str,
  Datacenter: str,
  LocalBindAddress: omit(str),
  LocalBindPort: int,
  Config: omit(map(any)),
  MeshGateway: meshGatewayJson,
});

/** The agent leaves an unset datacenter of an upstream out. */
const agentUpstreamJson = object<Upstream>({
  DestinationType: str,
  DestinationNamespace: omit(str),
  DestinationName: str,
  Datacenter: omit(str),
  LocalBindAddress: omit(str),
  LocalBindPort: int,
  Config: omit(map(any)),
  MeshGateway: meshGatewayJson,
});

export const proxyJson = object<ConnectProxyConfig>({
  DestinationServiceName: omit(str),
  DestinationServiceID: omit(str),
  LocalServiceAddress: omit(str),
  LocalServicePort: omit(int),
  Config: omit(map(any)),
  Upstreams: omit(list(upstreamJson)),
  MeshGateway: meshGatewayJson,
  Expose: exposeJson('omitted when false'),
});

export const agentProxyJson = object<ConnectProxyConfig>({
  DestinationServiceName: omit(str),
  DestinationServiceID: omit(str),
  LocalServiceAddress: omit(str),
  LocalServicePort: omit(int),
  Config: omit(map(any)),
  Upstreams: omit(list(agentUpstreamJson)),
  MeshGateway: meshGatewayJson,
  Expose: exposeJson('always'),
});

export const connectJson = object<ServiceConnect>({ Native: omit(bool) });

function nodeServiceWith(nilTags: NilTags): JsonOutput<NodeService> {
  return object<NodeService>({
    Kind: omit(str),
    ID: str,
    Service: str,
    Tags: list(str, nilTags),
    Address: str,
    TaggedAddresses: omit(map(serviceAddressJson)),
    Meta: map(str),
    Port: int,
    Weights: weightsOrDefaultJson,
    EnableTagOverride: bool,
    Proxy: proxyJson,
    Connect: connectJson,
    ...INDEXES,
  });
}

export const nodeServiceJson = nodeServiceWith('[]');
export const nodeServiceWithNilTagsJson = nodeServiceWith('null');

export const catalogServiceJson = object<ServiceNode>({
  ID: str,
  Node: str,
  Address: str,
  Datacenter: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  ServiceKind: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: list(str),
  ServiceAddress: str,
  ServiceTaggedAddresses: omit(map(serviceAddressJson)),
  ServiceWeights: weightsJson,
  ServiceMeta: map(str, '{}'),
  ServicePort: int,
  ServiceEnableTagOverride: bool,
  ServiceProxy: proxyJson,
  ServiceConnect: connectJson,
  ...INDEXES,
});

/** ⚠ `TTL` is written as a number of nanoseconds, unlike its siblings. */
const definitionJson = object<HealthCheckDefinition>({
  Interval: omit(durationText),
  OutputMaxSize: omit(int),
  Timeout: omit(durationText),
  DeregisterCriticalServiceAfter: omit(durationText),
  HTTP: omit(str),
  TLSSkipVerify: omit(bool),
  Header: omit(map(list(str))),
  Method: omit(str),
  Body: omit(str),
  TCP: omit(str),
  ScriptArgs: omit(list(str)),
  DockerContainerID: omit(str),
  Shell: omit(str),
  GRPC: omit(str),
  GRPCUseTLS: omit(bool),
  AliasNode: omit(str),
  AliasService: omit(str),
  TTL: omit(int),
});

function healthCheckWith(nilTags: NilTags): JsonOutput<HealthCheck> {
  return object<HealthCheck>({
    Node: str,
    CheckID: str,
    Name: str,
    Status: str,
    Notes: str,
    Output: str,
    ServiceID: str,
    ServiceName: str,
    ServiceTags: list(str, nilTags),
    Type: str,
    Definition: definitionJson,
    ...INDEXES,
  });
}

export const healthCheckJson = healthCheckWith('[]');
export const checkWithNilTagsJson = healthCheckWith('null');

function serviceEntryWith(
  nilTags: NilTags,
  nilChecks: 'null' | '[]' = '[]',
): JsonOutput<CheckServiceNode> {
  return object<CheckServiceNode>({
    Node: nullable(nodeJson),
    Service: nullable(nodeServiceWith(nilTags)),
    Checks: list(healthCheckWith(nilTags), nilChecks),
  });
}

export const serviceEntryJson = serviceEntryWith('[]');
/** Inside federation states absent tags stay `null`. */
export const meshGatewayEntryJson = serviceEntryWith('null');
/** Prepared queries show what is absent as it is. */
export const queryEntryJson = serviceEntryWith('null', 'null');

export const federationStateJson = object<FederationState>({
  Datacenter: str,
  MeshGateways: omit(list(meshGatewayEntryJson)),
  UpdatedAt: time,
  PrimaryModifyIndex: int,
  ...INDEXES,
});

/** The only answer that embeds the meta data of its query; `LastContact` is in nanoseconds. */
export const federationStateResponseJson = object<FederationStateResponse>({
  State: nullable(federationStateJson),
  Index: int,
  LastContact: int,
  KnownLeader: bool,
  ConsistencyLevel: str,
  NotModified: bool,
});

export const kvPairJson = object<DirEntry>({
  LockIndex: int,
  Key: str,
  Flags: int,
  Value: base64OrNull,
  Session: omit(str),
  ...INDEXES,
});

export const sessionJson = object<Session>({
  ID: str,
  Name: str,
  Node: str,
  LockDelay: int,
  Behavior: str,
  TTL: str,
  NodeChecks: list(str, 'null'),
  ServiceChecks: list(object<ServiceCheck>({ ID: str, Namespace: str }), 'null'),
  ...INDEXES,
});

export const raftConfigurationJson = object<RaftConfigurationResponse>({
  Servers: list(
    object<RaftServer>({
      ID: str,
      Node: str,
      Address: str,
      Leader: bool,
      ProtocolVersion: str,
      Voter: bool,
    }),
    'null',
  ),
  Index: int,
});

export const networkCoordinateJson = object<NetworkCoordinate>({
  Vec: list(float, 'null'),
  Error: float,
  Adjustment: float,
  Height: float,
});

export const coordinateJson = object<Coordinate>({
  Node: str,
  Segment: str,
  Coord: nullable(networkCoordinateJson),
});

export const datacenterMapJson = object<DatacenterMap>({
  Datacenter: str,
  AreaID: str,
  Coordinates: list(coordinateJson, 'null'),
});

/** A node with everything on it, as the UI lists them; lists that were not given are `null`. */
export const nodeInfoJson = object<NodeInfo>({
  ID: str,
  Node: str,
  Address: str,
  TaggedAddresses: map(str),
  Meta: map(str),
  Services: list(nodeServiceWith('null')),
  Checks: list(healthCheckWith('null')),
});

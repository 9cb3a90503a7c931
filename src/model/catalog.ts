/** Nodes, service instances and what is asked and answered about them. */

import {
  bool,
  i64,
  map,
  pointer,
  slice,
  str,
  struct,
  type TypeOf,
} from '../wire/msgpack/schema.ts';
import { QueryMeta, QueryOptions, QuerySource, RaftIndex, WriteRequest } from './blocks.ts';
import { HealthCheck } from './health-check.ts';
import { opaqueMap } from './opaque.ts';
import { ServiceDefinition } from './service-definition.ts';
import { ExposeConfig, MeshGatewayConfig, ServiceAddress, Weights } from './service-parts.ts';

export * from './service-parts.ts';

export const Node = struct({
  ID: str,
  Node: str,
  Address: str,
  Datacenter: str,
  TaggedAddresses: map(str),
  Meta: map(str),
  ...RaftIndex.fields,
});
export type Node = TypeOf<typeof Node>;

export const Upstream = struct({
  DestinationType: str,
  DestinationNamespace: str,
  DestinationName: str,
  Datacenter: str,
  LocalBindAddress: str,
  LocalBindPort: i64,
  Config: opaqueMap,
  MeshGateway: MeshGatewayConfig,
  IngressHosts: slice(str),
});
export type Upstream = TypeOf<typeof Upstream>;

export const ConnectProxyConfig = struct({
  DestinationServiceName: str,
  DestinationServiceID: str,
  LocalServiceAddress: str,
  LocalServicePort: i64,
  Config: opaqueMap,
  Upstreams: slice(Upstream),
  MeshGateway: MeshGatewayConfig,
  Expose: ExposeConfig,
});
export type ConnectProxyConfig = TypeOf<typeof ConnectProxyConfig>;

/** `SidecarService` is agent bookkeeping: nil in catalog data. */
export const ServiceConnect = struct({ Native: bool, SidecarService: pointer(ServiceDefinition) });
export type ServiceConnect = TypeOf<typeof ServiceConnect>;

/** `''` is the typical service. */
export type ServiceKind =
  | ''
  | 'connect-proxy'
  | 'mesh-gateway'
  | 'terminating-gateway'
  | 'ingress-gateway';

export const NodeService = struct({
  Kind: str,
  ID: str,
  Service: str,
  Tags: slice(str),
  Address: str,
  TaggedAddresses: map(ServiceAddress),
  Meta: map(str),
  Port: i64,
  Weights: pointer(Weights),
  EnableTagOverride: bool,
  Proxy: ConnectProxyConfig,
  Connect: ServiceConnect,
  LocallyRegisteredAsSidecar: bool,
  ...RaftIndex.fields,
});
export type NodeService = TypeOf<typeof NodeService>;

/** An instance merged with its node, as `Catalog.ServiceNodes` answers it. */
export const ServiceNode = struct({
  ID: str,
  Node: str,
  Address: str,
  Datacenter: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  ServiceKind: str,
  ServiceID: str,
  ServiceName: str,
  ServiceTags: slice(str),
  ServiceAddress: str,
  ServiceTaggedAddresses: map(ServiceAddress),
  ServiceWeights: Weights,
  ServiceMeta: map(str),
  ServicePort: i64,
  ServiceEnableTagOverride: bool,
  ServiceProxy: ConnectProxyConfig,
  ServiceConnect: ServiceConnect,
  ...RaftIndex.fields,
});
export type ServiceNode = TypeOf<typeof ServiceNode>;

/** An instance with its node and the checks of both. */
export const CheckServiceNode = struct({
  Node: pointer(Node),
  Service: pointer(NodeService),
  Checks: slice(HealthCheck),
});
export type CheckServiceNode = TypeOf<typeof CheckServiceNode>;

export const RegisterRequest = struct({
  Datacenter: str,
  ID: str,
  Node: str,
  Address: str,
  TaggedAddresses: map(str),
  NodeMeta: map(str),
  Service: pointer(NodeService),
  Check: pointer(HealthCheck),
  Checks: slice(HealthCheck),
  SkipNodeUpdate: bool,
  ...WriteRequest.fields,
  ...RaftIndex.fields,
});
export type RegisterRequest = TypeOf<typeof RegisterRequest>;

/** `ServiceID` wins over `CheckID`; with neither the node goes. */
export const DeregisterRequest = struct({
  Datacenter: str,
  Node: str,
  ServiceID: str,
  CheckID: str,
  ...WriteRequest.fields,
});
export type DeregisterRequest = TypeOf<typeof DeregisterRequest>;

export const ServiceSpecificRequest = struct({
  Datacenter: str,
  NodeMetaFilters: map(str),
  ServiceName: str,
  ServiceKind: str,
  ServiceTag: str,
  ServiceTags: slice(str),
  ServiceAddress: str,
  TagFilter: bool,
  Source: QuerySource,
  Connect: bool,
  Ingress: bool,
  ...QueryOptions.fields,
});
export type ServiceSpecificRequest = TypeOf<typeof ServiceSpecificRequest>;

export const ServiceDumpRequest = struct({
  Datacenter: str,
  ServiceKind: str,
  UseServiceKind: bool,
  Source: QuerySource,
  ...QueryOptions.fields,
});
export type ServiceDumpRequest = TypeOf<typeof ServiceDumpRequest>;

export const ChecksInStateRequest = struct({
  Datacenter: str,
  NodeMetaFilters: map(str),
  State: str,
  Source: QuerySource,
  ...QueryOptions.fields,
});
export type ChecksInStateRequest = TypeOf<typeof ChecksInStateRequest>;

export const ServiceName = struct({ Name: str });
export type ServiceName = TypeOf<typeof ServiceName>;

export const ServiceID = struct({ ID: str });
export type ServiceID = TypeOf<typeof ServiceID>;

export const GatewayService = struct({
  Gateway: ServiceName,
  Service: ServiceName,
  GatewayKind: str,
  Port: i64,
  Protocol: str,
  Hosts: slice(str),
  CAFile: str,
  CertFile: str,
  KeyFile: str,
  SNI: str,
  FromWildcard: bool,
  ...RaftIndex.fields,
});
export type GatewayService = TypeOf<typeof GatewayService>;

export const NodeServices = struct({ Node: pointer(Node), Services: map(NodeService) });
export type NodeServices = TypeOf<typeof NodeServices>;

export const NodeServiceList = struct({ Node: pointer(Node), Services: slice(NodeService) });
export type NodeServiceList = TypeOf<typeof NodeServiceList>;

export const NodeInfo = struct({
  ID: str,
  Node: str,
  Address: str,
  TaggedAddresses: map(str),
  Meta: map(str),
  Services: slice(NodeService),
  Checks: slice(HealthCheck),
});
export type NodeInfo = TypeOf<typeof NodeInfo>;

export const ServiceInfo = struct({
  Node: pointer(Node),
  Service: pointer(NodeService),
  Checks: slice(HealthCheck),
  GatewayService: pointer(GatewayService),
});
export type ServiceInfo = TypeOf<typeof ServiceInfo>;

export const IndexedNodes = struct({ Nodes: slice(Node), ...QueryMeta.fields });
export type IndexedNodes = TypeOf<typeof IndexedNodes>;

/** Service name → tags. */
export const IndexedServices = struct({ Services: map(slice(str)), ...QueryMeta.fields });
export type IndexedServices = TypeOf<typeof IndexedServices>;

export const IndexedServiceList = struct({ Services: slice(ServiceName), ...QueryMeta.fields });
export type IndexedServiceList = TypeOf<typeof IndexedServiceList>;

export const IndexedServiceNodes = struct({
  ServiceNodes: slice(ServiceNode),
  ...QueryMeta.fields,
});
export type IndexedServiceNodes = TypeOf<typeof IndexedServiceNodes>;

export const IndexedNodeServices = struct({
  NodeServices: pointer(NodeServices),
  ...QueryMeta.fields,
});
export type IndexedNodeServices = TypeOf<typeof IndexedNodeServices>;

export const IndexedNodeServiceList = struct({
  NodeServices: NodeServiceList,
  ...QueryMeta.fields,
});
export type IndexedNodeServiceList = TypeOf<typeof IndexedNodeServiceList>;

export const IndexedGatewayServices = struct({
  Services: slice(GatewayService),
  ...QueryMeta.fields,
});
export type IndexedGatewayServices = TypeOf<typeof IndexedGatewayServices>;

export const IndexedHealthChecks = struct({
  HealthChecks: slice(HealthCheck),
  ...QueryMeta.fields,
});
export type IndexedHealthChecks = TypeOf<typeof IndexedHealthChecks>;

export const IndexedCheckServiceNodes = struct({
  Nodes: slice(CheckServiceNode),
  ...QueryMeta.fields,
});
export type IndexedCheckServiceNodes = TypeOf<typeof IndexedCheckServiceNodes>;

/** Servers of 1.8 answer without `Gateways`. */
export const IndexedNodesWithGateways = struct({
  Nodes: slice(CheckServiceNode),
  Gateways: slice(GatewayService),
  ...QueryMeta.fields,
});
export type IndexedNodesWithGateways = TypeOf<typeof IndexedNodesWithGateways>;

export const IndexedNodeDump = struct({ Dump: slice(NodeInfo), ...QueryMeta.fields });
export type IndexedNodeDump = TypeOf<typeof IndexedNodeDump>;

export const IndexedServiceDump = struct({ Dump: slice(ServiceInfo), ...QueryMeta.fields });
export type IndexedServiceDump = TypeOf<typeof IndexedServiceDump>;

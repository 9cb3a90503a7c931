/** Discovery chains: which instances stand behind a name of the mesh, and how they are reached. */

import {
  any,
  bool,
  duration,
  map,
  pointer,
  slice,
  str,
  struct,
  type TypeOf,
} from '../wire/msgpack/schema.ts';
import { QueryMeta, QueryOptions } from './blocks.ts';
import { MeshGatewayConfig } from './service-parts.ts';

export const DiscoveryChainRequest = struct({
  Name: str,
  EvaluateInDatacenter: str,
  EvaluateInNamespace: str,
  OverrideMeshGateway: MeshGatewayConfig,
  OverrideProtocol: str,
  OverrideConnectTimeout: duration,
  Datacenter: str,
  ...QueryOptions.fields,
});
export type DiscoveryChainRequest = TypeOf<typeof DiscoveryChainRequest>;

export const DiscoveryResolver = struct({
  Default: bool,
  ConnectTimeout: duration,
  Target: str,
  Failover: pointer(struct({ Targets: slice(str) })),
});
export type DiscoveryResolver = TypeOf<typeof DiscoveryResolver>;

/** `Type`: `router`, `splitter` or `resolver`. */
export const DiscoveryGraphNode = struct({
  Type: str,
  Name: str,
  Routes: slice(any),
  Splits: slice(any),
  Resolver: pointer(DiscoveryResolver),
  LoadBalancer: any,
});
export type DiscoveryGraphNode = TypeOf<typeof DiscoveryGraphNode>;

export const DiscoveryTarget = struct({
  ID: str,
  Service: str,
  ServiceSubset: str,
  Namespace: str,
  Datacenter: str,
  MeshGateway: MeshGatewayConfig,
  Subset: struct({ Filter: str, OnlyPassing: bool }),
  External: bool,
  SNI: str,
  Name: str,
});
export type DiscoveryTarget = TypeOf<typeof DiscoveryTarget>;

export const CompiledDiscoveryChain = struct({
  ServiceName: str,
  Namespace: str,
  Datacenter: str,
  CustomizationHash: str,
  Protocol: str,
  StartNode: str,
  Nodes: map(DiscoveryGraphNode),
  Targets: map(DiscoveryTarget),
});
export type CompiledDiscoveryChain = TypeOf<typeof CompiledDiscoveryChain>;

export const DiscoveryChainResponse = struct({
  Chain: pointer(CompiledDiscoveryChain),
  ...QueryMeta.fields,
});
export type DiscoveryChainResponse = TypeOf<typeof DiscoveryChainResponse>;

/** Discovery chains as JSON. */

import type {
  CompiledDiscoveryChain,
  DiscoveryGraphNode,
  DiscoveryResolver,
  DiscoveryTarget,
} from '../../model/discovery-chain.ts';
import { meshGatewayJson } from './objects.ts';
import { any, bool, durationText, list, map, nullable, object, omit, str } from './output.ts';

const resolverJson = object<DiscoveryResolver>({
  ConnectTimeout: durationText,
  Default: omit(bool),
  Target: str,
  Failover: omit(
    nullable(object<NonNullable<DiscoveryResolver['Failover']>>({ Targets: list(str) })),
  ),
});

const targetJson = object<DiscoveryTarget>({
  ID: str,
  Service: str,
  ServiceSubset: omit(str),
  Namespace: str,
  Datacenter: str,
  MeshGateway: meshGatewayJson,
  Subset: object<DiscoveryTarget['Subset']>({ Filter: omit(str), OnlyPassing: omit(bool) }),
  External: omit(bool),
  SNI: str,
  Name: str,
});

export const chainJson = object<CompiledDiscoveryChain>({
  ServiceName: str,
  Namespace: str,
  Datacenter: str,
  CustomizationHash: omit(str),
  Protocol: str,
  StartNode: str,
  Nodes: map(
    object<DiscoveryGraphNode>({
      Type: str,
      Name: str,
      Routes: omit(list(any)),
      Splits: omit(list(any)),
      Resolver: omit(nullable(resolverJson)),
      LoadBalancer: omit(any),
    }),
  ),
  Targets: map(targetJson),
});

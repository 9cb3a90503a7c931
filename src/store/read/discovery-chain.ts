/**
 * The discovery chain of a service that nobody has configured: one resolver with one target. What
 * `service-router`, `service-splitter` and `service-resolver` entries would change is refused.
 */

import { createHash } from 'node:crypto';
import {
  type CompiledDiscoveryChain,
  type DiscoveryChainRequest,
  DiscoveryGraphNode,
  DiscoveryTarget,
} from '../../model/discovery-chain.ts';
import type { Indexed } from '../blocking-query.ts';
import type { StoreReader } from '../view.ts';
import { caConfiguration, configEntries, configEntry } from './other.ts';
import { defaultsOf, type ServiceDefaults } from './service-config.ts';

const NAMESPACE = 'default';
const PROTOCOL = 'tcp';
const CONNECT_TIMEOUT_NS = 5e9;
const HASH_CHARACTERS = 8;
const ROUTING_KINDS = ['service-router', 'service-splitter', 'service-resolver'];

/** What of a chain a caller has changed. */
type Customization = Partial<
  Record<'OverrideMeshGateway' | 'OverrideProtocol' | 'OverrideConnectTimeout', string | number>
>;

/** `here`: the datacenter that answers. Throws for services with entries that are not compiled. */
export function discoveryChain(
  reader: StoreReader,
  request: DiscoveryChainRequest,
  here: string,
): Indexed<CompiledDiscoveryChain> {
  const { Name } = request;
  const { index } = configEntries(reader);
  for (const kind of ROUTING_KINDS) {
    if (configEntry(reader, kind, Name).result !== null) {
      throw new Error(`discovery chain ${JSON.stringify(Name)}: ${kind} is not supported here`);
    }
  }
  const own = defaultsOf(configEntry(reader, 'service-defaults', Name).result);
  const all = defaultsOf(configEntry(reader, 'proxy-defaults', 'global').result);
  const datacenter = request.EvaluateInDatacenter || here;
  const customized: Customization = {};
  const target = targetOf(reader, { request, datacenter, here, own, all }, customized);
  const protocol = protocolOf(own, all);
  const Protocol = request.OverrideProtocol || protocol;
  if (Protocol !== protocol) customized.OverrideProtocol = Protocol;
  const ConnectTimeout = request.OverrideConnectTimeout || CONNECT_TIMEOUT_NS;
  if (ConnectTimeout !== CONNECT_TIMEOUT_NS) customized.OverrideConnectTimeout = ConnectTimeout;
  const Resolver = { Default: true, ConnectTimeout, Target: target.ID, Failover: null };
  const node = DiscoveryGraphNode.of({ Type: 'resolver', Name: target.ID, Resolver });
  const StartNode = `resolver:${target.ID}`;
  return {
    index: Math.max(index, 1),
    result: {
      ServiceName: Name,
      Namespace: NAMESPACE,
      Datacenter: datacenter,
      CustomizationHash: hashOf(customized),
      Protocol,
      StartNode,
      Nodes: { [StartNode]: node },
      Targets: { [target.ID]: target },
    },
  };
}

/** What a service speaks: as its own defaults say, or those of all proxies, or TCP. */
export function protocolOfService(reader: StoreReader, name: string): string {
  return protocolOf(
    defaultsOf(configEntry(reader, 'service-defaults', name).result),
    defaultsOf(configEntry(reader, 'proxy-defaults', 'global').result),
  );
}

interface TargetFacts {
  readonly request: DiscoveryChainRequest;
  readonly datacenter: string;
  readonly here: string;
  readonly own: ServiceDefaults;
  readonly all: ServiceDefaults;
}

function targetOf(
  reader: StoreReader,
  { request, datacenter, here, own, all }: TargetFacts,
  customized: Customization,
): DiscoveryTarget {
  const { ClusterID = '' } = caConfiguration(reader).result ?? {};
  const id = `${request.Name}.${NAMESPACE}.${datacenter}`;
  const name = `${id}.internal.${ClusterID}.consul`;
  const external = own.ExternalSNI !== '';
  let mode = '';
  // Gateways lead to other datacenters; external services are reached without.
  if (!external && datacenter !== here) {
    const wished = request.OverrideMeshGateway.Mode;
    mode = own.MeshGateway.Mode || all.MeshGateway.Mode;
    if (wished !== '' && wished !== mode) {
      mode = wished;
      customized.OverrideMeshGateway = wished;
    }
  }
  return DiscoveryTarget.of({
    ID: id,
    Service: request.Name,
    Namespace: NAMESPACE,
    Datacenter: datacenter,
    MeshGateway: { Mode: mode },
    External: external,
    SNI: external ? own.ExternalSNI : name,
    Name: name,
  });
}

function protocolOf(own: ServiceDefaults, all: ServiceDefaults): string {
  const ofAll = all.Config?.['protocol'];
  return own.Protocol || (typeof ofAll === 'string' && ofAll !== '' ? ofAll : PROTOCOL);
}

/** Tells chains with different overrides apart; empty when nothing was changed. */
function hashOf(customized: Customization): string {
  const text = JSON.stringify(customized);
  if (text === '{}') return '';
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARACTERS);
}

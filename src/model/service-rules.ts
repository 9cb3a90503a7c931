/** Rules for the instances of proxies and gateways, the same in catalog and agent. */

import type { NodeService, Upstream } from './catalog.ts';

/** Everything that is wrong with an instance, in Consul's words; empty when it is fine. */
export function serviceComplaints(service: NodeService): readonly string[] {
  switch (service.Kind) {
    case 'connect-proxy':
      return proxyComplaints(service);
    case 'mesh-gateway':
      return gatewayComplaints(service, 'mesh-gateway');
    case 'terminating-gateway':
      return gatewayComplaints(service, 'terminating-gateway');
    default:
      return [];
  }
}

function proxyComplaints(service: NodeService): string[] {
  const found: string[] = [];
  const destination = service.Proxy.DestinationServiceName;
  if (destination === '') {
    found.push('Proxy.DestinationServiceName must be non-empty for Connect proxy services');
  }
  if (destination === '*') {
    found.push('Proxy.DestinationServiceName must not be a wildcard for Connect proxy services');
  }
  if (service.Port === 0) found.push('Port must be set for a Connect proxy');
  if (service.Connect.Native)
    found.push('A Proxy cannot also be Connect Native, only typical services');
  return [...found, ...upstreamComplaints(service.Proxy.Upstreams ?? [])];
}

function upstreamComplaints(upstreams: readonly Upstream[]): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const upstream of upstreams) {
    const type = upstream.DestinationType === '' ? 'service' : upstream.DestinationType;
    if (upstream.DestinationName === '') found.push('upstream destination name cannot be empty');
    if (upstream.LocalBindPort === 0) found.push('upstream local bind port cannot be zero');
    const key = `type="${type}", name="${upstream.DestinationName}", namespace="${upstream.DestinationNamespace}", datacenter="${upstream.Datacenter}"`;
    if (seen.has(key)) found.push(`upstreams cannot contain duplicates of [${key}]`);
    seen.add(key);
  }
  return found;
}

function gatewayComplaints(service: NodeService, kind: string): string[] {
  const proxy = service.Proxy;
  const found: string[] = [];
  if (service.Port === 0) found.push(`Port must be non-zero for a ${kind}`);
  if (service.Connect.SidecarService !== null) {
    found.push(`A ${kind} cannot have a sidecar service defined`);
  }
  if (proxy.DestinationServiceName !== '') {
    found.push(`The Proxy.DestinationServiceName configuration is invalid for a ${kind}`);
  }
  if (proxy.DestinationServiceID !== '') {
    found.push(`The Proxy.DestinationServiceID configuration is invalid for a ${kind}`);
  }
  if (proxy.LocalServiceAddress !== '') {
    found.push(`The Proxy.LocalServiceAddress configuration is invalid for a ${kind}`);
  }
  if (proxy.LocalServicePort !== 0) {
    found.push(`The Proxy.LocalServicePort configuration is invalid for a ${kind}`);
  }
  if ((proxy.Upstreams ?? []).length > 0) {
    found.push(`The Proxy.Upstreams configuration is invalid for a ${kind}`);
  }
  return found;
}

/** Whether an address stands for all addresses: nobody can connect to it. */
export function isAnyAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::' || address === '[::]';
}

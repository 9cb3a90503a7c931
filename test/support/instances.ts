/** Instances of services as the gateway reads them, as small as they can be. */

import type { ServiceInstance } from '../../src/gateway/instances.ts';
import type { GatewaySnapshot } from '../../src/gateway/snapshot.ts';

export interface InstanceOptions {
  readonly node?: string;
  readonly nodeAddress?: string;
  readonly address?: string;
  readonly port: number;
  readonly wan?: { readonly Address: string; readonly Port: number };
  readonly federation?: boolean;
  readonly status?: string;
  readonly index?: number;
}

export function instance(name: string, options: InstanceOptions): ServiceInstance {
  return {
    Node: { Node: options.node ?? 'n1', Address: options.nodeAddress ?? '127.0.0.1' },
    Service: {
      ID: name,
      Service: name,
      Address: options.address ?? '',
      Port: options.port,
      Meta: options.federation === false ? {} : { 'consul-wan-federation': '1' },
      ...(options.wan === undefined ? {} : { TaggedAddresses: { wan: options.wan } }),
      ModifyIndex: options.index ?? 1,
    },
    Checks: [{ Status: options.status ?? 'passing' }],
  };
}

export function server(options: InstanceOptions): ServiceInstance {
  return instance('consul', options);
}

export function gateway(options: InstanceOptions): ServiceInstance {
  return instance('mesh-gateway', options);
}

export function snapshot(parts: Partial<GatewaySnapshot> = {}): GatewaySnapshot {
  return {
    datacenter: 'dc1',
    domain: 'consul',
    exposesServers: true,
    servers: [],
    federationGateways: new Map(),
    remoteGateways: new Map(),
    ...parts,
  };
}

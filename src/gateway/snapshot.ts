/**
 * Everything a mesh gateway knows, as one immutable value: what the built-in gateway routes by and
 * what the configuration of other proxies is made from.
 */

import { newestIndex, type ServiceInstance } from './instances.ts';

export type InstancesByDatacenter = ReadonlyMap<string, readonly ServiceInstance[]>;

export interface GatewaySnapshot {
  /** The gateway's own datacenter, lower case. */
  readonly datacenter: string;
  /** DNS domain without the trailing dot. */
  readonly domain: string;
  /** Whether traffic to servers is carried (`consul-wan-federation`). */
  readonly exposesServers: boolean;
  /** Instances of the service `consul` of the own datacenter, any health. */
  readonly servers: readonly ServiceInstance[];
  /** Gateways of each datacenter, from the federation states. */
  readonly federationGateways: InstancesByDatacenter;
  /** Gateways of other datacenters, asked for there; empty where nobody asks. */
  readonly remoteGateways: InstancesByDatacenter;
}

/**
 * The gateways of a datacenter. Where both sources know some, the one with the newer change counts,
 * and federation states only when strictly newer: a gateway that moved is in its own catalog first
 * when the way there works, and only in the federation states when it does not.
 */
export function gatewaysOf(snapshot: GatewaySnapshot, dc: string): readonly ServiceInstance[] {
  const federation = snapshot.federationGateways.get(dc) ?? [];
  const asked = snapshot.remoteGateways.get(dc) ?? [];
  if (asked.length === 0) return federation;
  if (federation.length === 0) return asked;
  return newestIndex(federation) > newestIndex(asked) ? federation : asked;
}

/** Other datacenters that have a known gateway, sorted. */
export function remoteDatacenters(snapshot: GatewaySnapshot): readonly string[] {
  const all = new Set([...snapshot.federationGateways.keys(), ...snapshot.remoteGateways.keys()]);
  all.delete(snapshot.datacenter);
  return [...all].filter((dc) => gatewaysOf(snapshot, dc).length > 0).sort();
}

/** Whether the snapshot can be routed by: with servers exposed, at least one must be known. */
export function isValid(snapshot: GatewaySnapshot): boolean {
  return !snapshot.exposesServers || snapshot.servers.length > 0;
}

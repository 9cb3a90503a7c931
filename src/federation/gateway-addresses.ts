/** Which addresses of which mesh gateways a server may dial, read from records and catalog rows. */

import { joinHostPort } from '../host-port.ts';
import type { CheckServiceNode } from '../model/catalog.ts';
import type { FederationState } from '../model/federation-state.ts';
import { HEALTH_CRITICAL } from '../model/health-check.ts';

/** Service meta key of gateways that carry traffic between servers; its value is `1`. */
export const FEDERATION_META = 'consul-wan-federation';
export const GATEWAY_KIND = 'mesh-gateway';

/** Whether servers may be reached through it: marked for it, and nothing about it is critical. */
export function carriesServers(entry: CheckServiceNode): boolean {
  if (!isMarked(entry)) return false;
  return (entry.Checks ?? []).every((check) => check.Status !== HEALTH_CRITICAL);
}

/** The side that the own datacenter dials. The tagged address `lan` is not looked at. */
export function lanAddress({ Node, Service }: CheckServiceNode): string {
  return addressOrNone(Service?.Address || Node?.Address || '', Service?.Port ?? 0);
}

/**
 * The side that other datacenters dial. `wan_ipv4` is not looked at: agents fill it with the LAN
 * address.
 */
export function wanAddress({ Node, Service }: CheckServiceNode): string {
  const port = Service?.Port ?? 0;
  const tagged = Service?.TaggedAddresses?.['wan'];
  if (tagged !== undefined && tagged.Address !== '') {
    return addressOrNone(tagged.Address, tagged.Port || port);
  }
  if (Service?.Address) return addressOrNone(Service.Address, port);
  return addressOrNone(Node?.TaggedAddresses?.['wan'] || Node?.Address || '', port);
}

/** `''` when there is no host or no port, since nothing could be dialed. */
function addressOrNone(host: string, port: number): string {
  if (host === '' || port === 0) return '';
  return joinHostPort(host, port);
}

export interface GatewayLists {
  /** WAN addresses of the primary's gateways, sorted, each once. */
  readonly primary: readonly string[];
  /** LAN addresses of the own gateways, sorted, each once. */
  readonly local: readonly string[];
}

/**
 * What a server's own store says. The own gateways are read from the own catalog, since a record has
 * been to the primary and back: a datacenter that is cut off from the primary would never learn of
 * its own new gateway. But not before the primary's gateways are known: until then the own ones lead
 * nowhere either, as they route by the same records.
 */
export function gatewayLists(
  known: {
    readonly records: readonly FederationState[];
    readonly ownGateways: readonly CheckServiceNode[];
  },
  names: { readonly datacenter: string; readonly primaryDatacenter: string },
): GatewayLists {
  const recordOf = (datacenter: string): readonly CheckServiceNode[] =>
    known.records.find((record) => record.Datacenter.toLowerCase() === datacenter)?.MeshGateways ??
    [];
  const primary = recordOf(names.primaryDatacenter);
  const marked = known.ownGateways.filter(isMarked);
  const leadsOut = names.datacenter === names.primaryDatacenter || primary.some(isMarked);
  const own = leadsOut && marked.length > 0 ? marked : recordOf(names.datacenter);
  return { primary: addresses(primary, wanAddress), local: addresses(own, lanAddress) };
}

function isMarked(entry: CheckServiceNode): boolean {
  return entry.Service?.Meta?.[FEDERATION_META] === '1';
}

function addresses(
  entries: readonly CheckServiceNode[],
  addressOf: (entry: CheckServiceNode) => string,
): readonly string[] {
  const found = entries.filter(carriesServers).map(addressOf);
  return [...new Set(found)].filter((address) => address !== '').sort();
}

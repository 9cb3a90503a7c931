/**
 * Which name leads where. Names are those of Consul's server certificates, since that is what peers
 * send as SNI: `server.<dc>.<domain>` for any server of a datacenter, `<node>.server.<dc>.<domain>`
 * for one of them.
 */

import { joinHostPort } from '../host-port.ts';
import {
  type Address,
  carriesFederation,
  isHealthy,
  lanAddress,
  type ServiceInstance,
  wanAddress,
} from './instances.ts';
import { type GatewaySnapshot, gatewaysOf, remoteDatacenters } from './snapshot.ts';

/** Where connections for one name go. */
export interface Route {
  /** As Consul names the cluster: `server.dc2.consul`, `node1.server.dc1.consul`. */
  readonly name: string;
  readonly leads: 'to a server' | 'to all servers' | 'to another datacenter';
  /** Without a critical check. */
  readonly healthy: readonly Address[];
  /** Tried when no healthy one answers: what is known may be old. */
  readonly unhealthy: readonly Address[];
}

export interface RouteTable {
  /** By name, lower case. */
  readonly exact: ReadonlyMap<string, Route>;
  /** By what follows the first label or labels: `server.dc2.consul` matches `*.server.dc2.consul`. */
  readonly below: ReadonlyMap<string, Route>;
}

export const NO_ROUTES: RouteTable = { exact: new Map(), below: new Map() };

/** Makes the table. `own` are the gateway's addresses: a route that leads back to it is a loop. */
export function buildRoutes(snapshot: GatewaySnapshot, own: readonly Address[]): RouteTable {
  const exact = new Map<string, Route>();
  const below = new Map<string, Route>();
  if (!snapshot.exposesServers) return { exact, below };
  const ownKeys = new Set(own.map(addressText));
  const notOwn = (address: Address): boolean => !ownKeys.has(addressText(address));

  const servers = [...snapshot.servers].sort((a, b) => (a.Node.Node < b.Node.Node ? -1 : 1));
  const ownName = serverName(snapshot.datacenter, snapshot.domain);
  if (servers.length > 0) {
    exact.set(ownName, route(ownName, 'to all servers', servers, lanAddress, notOwn));
  }
  for (const server of servers) {
    const name = `${server.Node.Node}.${ownName}`.toLowerCase();
    exact.set(name, route(name, 'to a server', [server], lanAddress, notOwn));
  }
  for (const dc of remoteDatacenters(snapshot)) {
    const name = serverName(dc, snapshot.domain);
    const gateways = preferFederating(gatewaysOf(snapshot, dc));
    const leading = route(name, 'to another datacenter', gateways, wanAddress, notOwn);
    exact.set(name, leading);
    below.set(name, leading);
  }
  return { exact, below };
}

/** The route of a name; `undefined` when nothing is known of it. */
export function findRoute(table: RouteTable, serverName: string): Route | undefined {
  const found = table.exact.get(serverName);
  if (found !== undefined) return found;
  for (let dot = serverName.indexOf('.'); dot >= 0; dot = serverName.indexOf('.', dot + 1)) {
    const route = table.below.get(serverName.slice(dot + 1));
    if (route !== undefined) return route;
  }
  return undefined;
}

/** Names that are known, sorted, at most `max` of them. */
export function knownNames(table: RouteTable, max: number): readonly string[] {
  const names = [...table.exact.keys(), ...[...table.below.keys()].map((name) => `*.${name}`)];
  return names.sort().slice(0, max);
}

/** `host:port`, with brackets around IPv6. */
export function addressText({ host, port }: Address): string {
  return joinHostPort(host, port);
}

function serverName(dc: string, domain: string): string {
  return `server.${dc}.${domain}`.toLowerCase();
}

/** A gateway without the mark resets traffic to servers; used only when none has it. */
function preferFederating(gateways: readonly ServiceInstance[]): readonly ServiceInstance[] {
  const marked = gateways.filter(carriesFederation);
  return marked.length > 0 ? marked : gateways;
}

function route(
  name: string,
  leads: Route['leads'],
  instances: readonly ServiceInstance[],
  addressOf: (instance: ServiceInstance) => Address,
  usable: (address: Address) => boolean,
): Route {
  const addresses = (list: readonly ServiceInstance[]): readonly Address[] => [
    ...new Map(
      list
        .map(addressOf)
        .filter((address) => address.host !== '' && address.port > 0 && usable(address))
        .map((address) => [addressText(address), address]),
    ).values(),
  ];
  return {
    name,
    leads,
    healthy: addresses(instances.filter(isHealthy)),
    unhealthy: addresses(instances.filter((instance) => !isHealthy(instance))),
  };
}

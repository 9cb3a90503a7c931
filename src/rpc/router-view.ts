/** What is known about servers, by datacenter: the view that the RPC router publishes. */

import type { Endpoint } from '../world/world.ts';

/** One server as gossip knows it. */
export interface RpcServerEntry {
  /** Short node name: without the datacenter suffix of the WAN pool. */
  readonly node: string;
  readonly datacenter: string;
  /** Its RPC address. Of another datacenter it may be unreachable but through a gateway. */
  readonly address: Endpoint;
}

export interface DatacenterView {
  readonly name: string;
  /** Servers that gossip says are alive, in the order in which they are tried. */
  readonly servers: readonly RpcServerEntry[];
  /** Servers known to gossip that are not alive (failed, leaving). */
  readonly unavailable: readonly RpcServerEntry[];
  /** How calls to it went: `unknown` before the first. */
  readonly health: 'unknown' | 'reachable' | 'failing' | 'offline';
  /** Text of the last failed call, until one succeeds. */
  readonly lastError?: string;
}

export interface RouterView {
  readonly datacenter: string;
  /** The own datacenter first, the others by name. */
  readonly datacenters: readonly DatacenterView[];
  /** The leader of the own datacenter, when known. On a client agent always `null`. */
  readonly leader: RpcServerEntry | null;
  readonly leading: boolean;
  /** Whether this server has ever heard from a leader: then it may answer stale reads. */
  readonly heardFromLeader: boolean;
}

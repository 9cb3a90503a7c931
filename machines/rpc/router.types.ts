/** Messages and context of the RPC router. */

import type { RaftView } from '../../src/consensus/consensus.ts';
import type { GatewayChoices } from '../../src/federation/gateway-choices.ts';
import type { MembersView } from '../../src/model/member.ts';
import type { DatacenterView, RouterView, RpcServerEntry } from '../../src/rpc/router-view.ts';

export interface RouterInput {
  readonly datacenter: string;
  /** A client agent knows the servers of its own datacenter only, and no leader. */
  readonly role: 'server' | 'client';
  /** Node name of this agent, without datacenter. */
  readonly node: string;
  /** Seed for the order of servers. */
  readonly seed: number;
}

/** How calls to a datacenter went. */
export interface DatacenterHealth {
  readonly health: DatacenterView['health'];
  readonly lastError?: string;
}

export interface RouterContext extends RouterInput {
  readonly lan: MembersView | null;
  readonly wan: MembersView | null;
  readonly raft: Pick<RaftView, 'role' | 'leader' | 'lastContactMs'> | null;
  /** Node names of a datacenter's servers in the order in which they are tried. */
  readonly orders: Readonly<Record<string, readonly string[]>>;
  readonly healths: Readonly<Record<string, DatacenterHealth>>;
  /** State of the pseudo-random sequence. */
  readonly random: number;
  readonly view: RouterView;
}

/** Servers to ask for a sign of life, in this order, until one gives it. */
export interface PingTarget {
  readonly datacenter: string;
  readonly servers: readonly RpcServerEntry[];
}

export interface PingResult {
  readonly datacenter: string;
  /** The first server that answered; `null` when none did. */
  readonly alive: string | null;
  readonly error?: string;
}

export type RouterEvent =
  | { readonly type: 'lan-members.changed'; readonly view: MembersView }
  | { readonly type: 'wan-members.changed'; readonly view: MembersView }
  | { readonly type: 'raft.changed'; readonly view: RaftView }
  | { readonly type: 'gateways.changed'; readonly choices: GatewayChoices }
  /** A call did not get through to a server. */
  | {
      readonly type: 'call.failed';
      readonly datacenter: string;
      readonly node: string;
      readonly error: string;
    }
  /** A call got through to a datacenter whose health was in doubt. */
  | { readonly type: 'call.succeeded'; readonly datacenter: string }
  | { readonly type: 'pings.finished'; readonly results: readonly PingResult[] };

/**
 * Messages of the federation: where mesh gateways are found, which of them lead where, whether the
 * way through the own ones works, and who is told.
 */

import type { GatewayChoices } from '../../src/federation/gateway-choices.ts';
import type { RouteShape } from './shape.ts';

export interface FederationMessages {
  /** Addresses `host:port` of the primary's gateways, WAN side, from configuration or discovery. */
  'primary-gateways.discovered': { readonly addresses: readonly string[] };
  /** The same, at the end of its way: replaces the locator's fallback list. */
  'fallback.refresh': { readonly addresses: readonly string[] };
  /** The primary's gateways are known from federation states, for the first time. */
  'primary-gateways.learned': { readonly addresses: readonly string[] };
  'gateways.changed': { readonly choices: GatewayChoices };
  /** A gateway toward the primary, or in the primary toward others, can be picked at last. */
  'gateways.ready': { readonly choices: GatewayChoices };
  /** Replication says whether the primary can be reached through own gateways. */
  'primary-path.changed': { readonly path: 'working' | 'broken' };
  /** A gateway could not be dialed. */
  'gateway.unreachable': { readonly address: string; readonly error: string };
  /** A fetch of the primary's federation states came back. */
  'replication.succeeded': { readonly index: number };
  'replication.failed': { readonly error: string };
  /** A task has used up its attempts. The agent ends with status 1. */
  'retry-join.exhausted': { readonly error: string };
}

const WHY = {
  discovered: 'addresses from configuration or discovery, one layer down',
  choices: 'they pick from it, synchronously, whenever they dial',
  path: 'gossip may hear the primary while nothing gets there: then, too, discover and join anew',
  outcome: 'is the way through local gateways alive?',
  unreachable: 'what was last wrong with which gateway',
  exhausted: 'retry_max is used up: the agent ends',
} as const;

export const FEDERATION_ROUTES = [
  {
    from: 'retry-join.primary-gateways',
    type: 'primary-gateways.discovered',
    to: 'agent',
    why: WHY.discovered,
  },
  { from: 'agent', type: 'primary-gateways.discovered', to: 'server', why: WHY.discovered },
  { from: 'server', type: 'fallback.refresh', to: 'gateway-locator', why: 'its last choice' },
  {
    from: 'gateway-locator',
    type: 'primary-gateways.learned',
    to: 'retry-join.primary-gateways',
    why: 'federation states know more than the configuration: stop asking',
  },
  {
    from: 'gateway-locator',
    type: 'gateways.ready',
    to: 'retry-join.wan',
    why: 'only now is a WAN join possible',
  },
  { from: 'gateway-locator', type: 'primary-path.changed', to: 'retry-join.wan', why: WHY.path },
  {
    from: 'gateway-locator',
    type: 'primary-path.changed',
    to: 'retry-join.primary-gateways',
    why: WHY.path,
  },
  { from: 'gateway-locator', type: 'gateways.changed', to: 'wanfed-transport', why: WHY.choices },
  { from: 'gateway-locator', type: 'gateways.changed', to: 'rpc-router', why: WHY.choices },
  {
    from: 'gateway-locator',
    type: 'gateways.changed',
    to: 'server',
    why: 'the view that dialers share, and the status of the federation',
  },
  { from: 'server', type: 'gateway.unreachable', to: 'gateway-locator', why: WHY.unreachable },
  {
    from: 'raft',
    type: 'raft.changed',
    to: 'gateway-locator',
    why: 'nothing is read from the store before a leader was heard of',
  },
  {
    from: 'raft',
    type: 'leadership.gained',
    to: 'gateway-locator',
    why: 'outcomes of replication count from now on',
  },
  {
    from: 'raft',
    type: 'leadership.lost',
    to: 'gateway-locator',
    why: 'followers always take the local way',
  },
  {
    from: 'federation-replicator',
    type: 'replication.succeeded',
    to: 'gateway-locator',
    why: WHY.outcome,
  },
  {
    from: 'federation-replicator',
    type: 'replication.failed',
    to: 'gateway-locator',
    why: WHY.outcome,
  },
  {
    from: 'wanfed-transport',
    type: 'packets.send',
    to: 'socket-transport.wan',
    why: 'peers of the own datacenter are reached by plain sockets',
  },
  {
    from: 'wanfed-transport',
    type: 'stream.open',
    to: 'socket-transport.wan',
    why: 'peers of the own datacenter are reached by plain sockets',
  },
  {
    from: 'gossip.lan',
    type: 'lan-members.changed',
    to: 'federation-support',
    why: 'whether all servers know federation states',
  },
  {
    from: 'gossip.wan',
    type: 'wan-members.changed',
    to: 'federation-support',
    why: "whether the primary's servers know federation states",
  },
  {
    from: 'gossip.wan',
    type: 'wan-members.changed',
    to: 'retry-join.wan',
    why: 'join anew while no server of the primary is alive',
  },
  {
    from: 'gossip.wan',
    type: 'wan-members.changed',
    to: 'retry-join.primary-gateways',
    why: 'discover anew while no server of the primary is alive',
  },
  {
    from: 'gossip.wan',
    type: 'wan-members.changed',
    to: 'wanfed-transport',
    why: 'the datacenters of the pool, to read names by',
  },
  { from: 'retry-join.lan', type: 'retry-join.exhausted', to: 'agent', why: WHY.exhausted },
  { from: 'retry-join.wan', type: 'retry-join.exhausted', to: 'agent', why: WHY.exhausted },
  {
    from: 'retry-join.primary-gateways',
    type: 'retry-join.exhausted',
    to: 'agent',
    why: WHY.exhausted,
  },
] as const satisfies readonly RouteShape[];

/**
 * Messages to and from the two gossip pools and their transports.
 *
 * Down: a pool hands packets and streams to a transport that knows how to reach a peer by name
 * (sockets, or mesh gateways for other datacenters). Up: it publishes its member view, user events
 * and queries. Commands are questions; a refusal's message is serf's text.
 */

import type { CoordinatesView, MembersView, PoolKind, UserEvent } from '../../src/model/member.ts';
import type { ByteStream, Endpoint } from '../../src/world/world.ts';
import type { Reply } from '../messages.ts';
import type { RouteShape } from './shape.ts';

/** Whom a packet or stream is for. The name may be empty only where names are not required. */
export interface GossipPeer extends Endpoint {
  readonly name: string;
}

export interface OutgoingPacket {
  readonly to: GossipPeer;
  /** Ready for the wire: labelled, sealed. */
  readonly bytes: Uint8Array;
}

export interface IncomingPacket {
  /** Where it came from on the socket; a gateway's address for what came through one. */
  readonly from: Endpoint;
  readonly bytes: Uint8Array;
}

/** A query of another member, to be answered by `query.respond` with its `key`, or not at all. */
export interface ReceivedQuery {
  /** Names the query within this process. */
  readonly key: string;
  readonly name: string;
  readonly payload: Uint8Array;
  readonly source: string;
}

export type QueryFilter =
  | { readonly kind: 'nodes'; readonly names: readonly string[] }
  | { readonly kind: 'tag'; readonly tag: string; readonly expression: string };

/** Refused only when nobody could be joined. */
export interface JoinOutcome {
  readonly joined: number;
  readonly errors: readonly string[];
}

/** What a query has brought when it is over. */
export interface QueryOutcome {
  /** Names of members that confirmed receipt; empty unless acks were asked for. */
  readonly acks: readonly string[];
  readonly responses: readonly { readonly from: string; readonly payload: Uint8Array }[];
}

export type KeyOperation = 'install' | 'use' | 'remove' | 'list';

/** Result of a key operation over a whole pool, in the shape of Consul's keyring answers. */
export interface KeyOutcome {
  /** Error texts by member. */
  readonly messages: Readonly<Record<string, string>>;
  /** Base64 key → number of members that have it; filled by `list`. */
  readonly keys: Readonly<Record<string, number>>;
  /** Base64 key → number of members whose primary it is; filled by `list`. */
  readonly primaryKeys: Readonly<Record<string, number>>;
  /** Alive members when the operation began. */
  readonly nodes: number;
  /** `<n>/<m> nodes reported failure` and the like; empty when all succeeded. */
  readonly error: string;
}

export interface GossipMessages {
  /** Send datagrams; failures come back as `packets.failed`. */
  'packets.send': { readonly packets: readonly OutgoingPacket[] };
  /** Open a stream; answered by `stream.opened` or `stream.failed` with the same id. */
  'stream.open': { readonly id: number; readonly to: GossipPeer; readonly timeoutMs: number };
  'packets.received': { readonly packets: readonly IncomingPacket[] };
  'packets.failed': {
    readonly failures: readonly { readonly to: GossipPeer; readonly error: Error }[];
  };
  'stream.opened': { readonly id: number; readonly stream: ByteStream };
  'stream.failed': { readonly id: number; readonly error: Error };
  'stream.accepted': { readonly stream: ByteStream };

  'lan-members.changed': { readonly view: MembersView };
  'wan-members.changed': { readonly view: MembersView };
  /** Where members are, at most once a second. */
  'coordinates.changed': { readonly view: CoordinatesView };
  'user-events.received': { readonly pool: PoolKind; readonly events: readonly UserEvent[] };
  'queries.received': { readonly pool: PoolKind; readonly queries: readonly ReceivedQuery[] };

  /**
   * Join through any of the addresses, each `[name/]host[:port]`, host an IP address or a name to
   * resolve. The answer counts those that took part.
   */
  'members.join': {
    readonly addresses: readonly string[];
    /** Do not deliver user events from before the join. Consul always ignores them. */
    readonly oldEvents: 'ignore' | 'replay';
    readonly reply: Reply<JoinOutcome>;
  };
  /** Leave gracefully; answered when the news is out. The pool is of no further use then. */
  'members.leave': { readonly reply: Reply<null> };
  /** Turn a failed member into a left one; `prune` also forgets it. */
  'members.force-leave': {
    readonly name: string;
    readonly prune: boolean;
    readonly reply: Reply<null>;
  };
  /** Answered with the event's Lamport time. */
  'user-event.fire': {
    readonly name: string;
    readonly payload: Uint8Array;
    readonly coalesce: boolean;
    readonly reply: Reply<bigint>;
  };
  'query.start': {
    readonly name: string;
    readonly payload: Uint8Array;
    readonly filters: readonly QueryFilter[];
    readonly acks: 'request' | 'none';
    readonly relayFactor: number;
    /** 0 = 16 gossip intervals × the pool's depth. */
    readonly timeoutMs: number;
    readonly reply: Reply<QueryOutcome>;
  };
  'query.respond': {
    readonly key: string;
    readonly payload: Uint8Array;
    readonly reply: Reply<null>;
  };
  'tags.set': { readonly tags: Readonly<Record<string, string>>; readonly reply: Reply<null> };
  'keys.change': {
    readonly operation: KeyOperation;
    /** Raw key; empty for `list`. */
    readonly key: Uint8Array;
    readonly relayFactor: number;
    readonly reply: Reply<KeyOutcome>;
  };
}

const WHY = {
  send: 'datagrams of probes, gossip and answers',
  open: 'push/pull of the whole table, and pings where datagrams do not pass',
  received: 'datagrams that arrived',
  failed: 'a peer that cannot be sent to is probed another way, then suspected',
  opened: 'the stream asked for',
  refused: 'why there is no stream',
  accepted: 'a peer wants to exchange tables',
  members: 'who serves which datacenter',
  events: 'what members tell the whole pool',
  coordinates: 'how far away members and datacenters are',
  own: 'the coordinate that the servers are told',
  rate: 'the more members, the rarer each tells its coordinate',
} as const;

export const GOSSIP_ROUTES = [
  { from: 'gossip.lan', type: 'packets.send', to: 'socket-transport.lan', why: WHY.send },
  { from: 'gossip.lan', type: 'stream.open', to: 'socket-transport.lan', why: WHY.open },
  { from: 'socket-transport.lan', type: 'packets.received', to: 'gossip.lan', why: WHY.received },
  { from: 'socket-transport.lan', type: 'packets.failed', to: 'gossip.lan', why: WHY.failed },
  { from: 'socket-transport.lan', type: 'stream.opened', to: 'gossip.lan', why: WHY.opened },
  { from: 'socket-transport.lan', type: 'stream.failed', to: 'gossip.lan', why: WHY.refused },
  { from: 'socket-transport.lan', type: 'stream.accepted', to: 'gossip.lan', why: WHY.accepted },

  { from: 'gossip.wan', type: 'packets.send', to: 'socket-transport.wan', why: WHY.send },
  { from: 'gossip.wan', type: 'stream.open', to: 'socket-transport.wan', why: WHY.open },
  { from: 'socket-transport.wan', type: 'packets.received', to: 'gossip.wan', why: WHY.received },
  { from: 'socket-transport.wan', type: 'packets.failed', to: 'gossip.wan', why: WHY.failed },
  { from: 'socket-transport.wan', type: 'stream.opened', to: 'gossip.wan', why: WHY.opened },
  { from: 'socket-transport.wan', type: 'stream.failed', to: 'gossip.wan', why: WHY.refused },
  { from: 'socket-transport.wan', type: 'stream.accepted', to: 'gossip.wan', why: WHY.accepted },

  { from: 'gossip.wan', type: 'packets.send', to: 'wanfed-transport', why: WHY.send },
  { from: 'gossip.wan', type: 'stream.open', to: 'wanfed-transport', why: WHY.open },
  { from: 'wanfed-transport', type: 'packets.received', to: 'gossip.wan', why: WHY.received },
  { from: 'wanfed-transport', type: 'packets.failed', to: 'gossip.wan', why: WHY.failed },
  { from: 'wanfed-transport', type: 'stream.opened', to: 'gossip.wan', why: WHY.opened },
  { from: 'wanfed-transport', type: 'stream.failed', to: 'gossip.wan', why: WHY.refused },
  { from: 'wanfed-transport', type: 'stream.accepted', to: 'gossip.wan', why: WHY.accepted },

  {
    from: 'gossip.lan',
    type: 'lan-members.changed',
    to: 'agent',
    why: 'members, `consul members`',
  },
  { from: 'gossip.lan', type: 'lan-members.changed', to: 'rpc-router', why: WHY.members },
  {
    from: 'gossip.lan',
    type: 'lan-members.changed',
    to: 'flood-joiner',
    why: 'whom to join to WAN',
  },
  {
    from: 'gossip.lan',
    type: 'lan-members.changed',
    to: 'leader-duties',
    why: 'reconcile members into the catalog',
  },
  { from: 'gossip.wan', type: 'wan-members.changed', to: 'agent', why: 'members -wan' },
  { from: 'gossip.wan', type: 'wan-members.changed', to: 'rpc-router', why: WHY.members },
  {
    from: 'gossip.wan',
    type: 'wan-members.changed',
    to: 'flood-joiner',
    why: 'who is there already',
  },
  { from: 'gossip.lan', type: 'coordinates.changed', to: 'agent', why: WHY.coordinates },
  { from: 'gossip.lan', type: 'coordinates.changed', to: 'coordinate-sender', why: WHY.own },
  { from: 'gossip.wan', type: 'coordinates.changed', to: 'agent', why: WHY.coordinates },
  { from: 'gossip.lan', type: 'lan-members.changed', to: 'coordinate-sender', why: WHY.rate },
  { from: 'gossip.lan', type: 'user-events.received', to: 'agent', why: WHY.events },
  { from: 'gossip.lan', type: 'queries.received', to: 'agent', why: WHY.events },
  { from: 'gossip.wan', type: 'user-events.received', to: 'agent', why: WHY.events },
  { from: 'gossip.wan', type: 'queries.received', to: 'agent', why: WHY.events },

  { from: 'retry-join.lan', type: 'members.join', to: 'gossip.lan', why: 'first contact' },
  { from: 'retry-join.wan', type: 'members.join', to: 'gossip.wan', why: 'first contact' },
  {
    from: 'flood-joiner',
    type: 'members.join',
    to: 'gossip.wan',
    why: 'what is known in the LAN is known in the WAN',
  },
  { from: 'leader-duties', type: 'user-event.fire', to: 'gossip.lan', why: 'consul:new-leader' },
  { from: 'agent', type: 'members.join', to: 'gossip.lan', why: 'start_join, `join`' },
  { from: 'agent', type: 'members.join', to: 'gossip.wan', why: 'start_join_wan, `join -wan`' },
  { from: 'agent', type: 'members.leave', to: 'gossip.lan', why: 'graceful shutdown' },
  { from: 'agent', type: 'members.leave', to: 'gossip.wan', why: 'graceful shutdown' },
  { from: 'agent', type: 'members.force-leave', to: 'gossip.lan', why: '`force-leave`' },
  { from: 'agent', type: 'members.force-leave', to: 'gossip.wan', why: '`force-leave`' },
  {
    from: 'autopilot',
    type: 'members.force-leave',
    to: 'gossip.lan',
    why: 'nobody waits for a dead server',
  },
  {
    from: 'autopilot',
    type: 'members.force-leave',
    to: 'gossip.wan',
    why: 'nobody waits for a dead server in the other datacenters either',
  },
  { from: 'agent', type: 'user-event.fire', to: 'gossip.lan', why: '`event`' },
  { from: 'agent', type: 'query.start', to: 'gossip.lan', why: 'questions to the pool' },
  { from: 'agent', type: 'query.start', to: 'gossip.wan', why: 'questions to the pool' },
  { from: 'agent', type: 'query.respond', to: 'gossip.lan', why: 'answers to a member' },
  { from: 'agent', type: 'query.respond', to: 'gossip.wan', why: 'answers to a member' },
  { from: 'agent', type: 'tags.set', to: 'gossip.lan', why: 'what this node tells of itself' },
  { from: 'agent', type: 'tags.set', to: 'gossip.wan', why: 'what this node tells of itself' },
  { from: 'agent', type: 'keys.change', to: 'gossip.lan', why: 'keyring operations' },
  { from: 'agent', type: 'keys.change', to: 'gossip.wan', why: 'keyring operations' },
] as const satisfies readonly RouteShape[];

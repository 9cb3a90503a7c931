/**
 * The state of a pool: memberlist's table of nodes with its failure detector, and serf's members,
 * clocks, events and queries on top. All of it is immutable; a transition works on a `Work`, which
 * copies what it changes. Times are monotonic milliseconds of the events.
 */

import type { Coordinate, CoordinatesView, Member, UserEvent } from '../../src/model/member.ts';
import type { KeyRing } from '../../src/wire/gossip/keyring.ts';
import type { Query } from '../../src/wire/gossip/serf.ts';
import type { Reply } from '../messages.ts';
import type {
  GossipPeer,
  JoinOutcome,
  KeyOperation,
  KeyOutcome,
  QueryOutcome,
} from '../routes/gossip.ts';
import type { BroadcastQueue } from './broadcasts.ts';
import type { PoolConfig } from './config.ts';
import type { Vivaldi } from './vivaldi.ts';

export type NodeState = 'alive' | 'suspect' | 'dead' | 'left';

/** A node as memberlist knows it. */
export interface Node {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly meta: Uint8Array;
  /** Six bytes. */
  readonly versions: Uint8Array;
  readonly incarnation: number;
  readonly state: NodeState;
  readonly changedMs: number;
}

/** A running suspicion (Lifeguard): the more members confirm it, the sooner it ends. */
export interface Suspicion {
  readonly startMs: number;
  readonly deadlineMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Confirmations that shorten the time all the way; 0: the time is `minMs` from the start. */
  readonly confirmationsMax: number;
  /** Who has accused, the first accuser included. */
  readonly accusers: ReadonlySet<string>;
  readonly confirmations: number;
}

/** The probe in progress; there is one at a time. */
export interface Probe {
  readonly sequence: number;
  readonly target: string;
  readonly peer: GossipPeer;
  readonly sentMs: number;
  /** Until then an ack is direct and tells a round trip time. */
  readonly directUntilMs: number;
  readonly deadlineMs: number;
  readonly phase: 'direct' | 'indirect';
  readonly nacksExpected: number;
  readonly nacks: number;
  /** The stream ping, once begun, and whether it was answered. */
  readonly streamPing: 'none' | 'pending' | 'answered';
}

/** A ping we sent for another member. */
export interface Relay {
  readonly requester: GossipPeer;
  /** Sequence number of the one who asked. */
  readonly sequence: number;
  readonly nack: boolean;
  readonly deadlineMs: number;
}

/** A stream that we opened. */
export type Exchange =
  | { readonly purpose: 'sync'; readonly peer: GossipPeer }
  | { readonly purpose: 'join'; readonly peer: GossipPeer; readonly joinId: number }
  | { readonly purpose: 'ping'; readonly peer: GossipPeer; readonly sequence: number };

/** A join in progress. */
export interface Join {
  /** Addresses still being resolved. */
  readonly resolving: number;
  readonly waiting: readonly GossipPeer[];
  readonly running: number;
  readonly joined: number;
  readonly errors: readonly string[];
  readonly oldEvents: 'ignore' | 'replay';
  /** `rejoin`: coming back by a snapshot, one success is enough. `reconnect`: to a failed member. */
  readonly cause: 'command' | 'rejoin' | 'reconnect';
  readonly reply: Reply<JoinOutcome> | null;
}

/** What serf remembers of a member beside what everybody sees. */
export interface MemberFacts {
  /** Lamport time of the last intent about it. */
  readonly statusTime: bigint;
  /** When it failed or left. */
  readonly goneMs: number;
}

/** An intent about a member that is not known yet. */
export interface EarlyIntent {
  readonly kind: 'join' | 'leave';
  readonly ltime: bigint;
  readonly heardMs: number;
}

/** User events of one Lamport time. */
export interface EventSlot {
  readonly ltime: bigint;
  readonly events: readonly { readonly name: string; readonly payload: Uint8Array }[];
}

/** Queries of one Lamport time, by id. */
export interface QuerySlot {
  readonly ltime: bigint;
  readonly ids: readonly number[];
}

/** A query of ours that collects answers. */
export interface RunningQuery {
  readonly ltime: bigint;
  readonly id: number;
  readonly deadlineMs: number;
  readonly acks: readonly string[];
  readonly responses: readonly { readonly from: string; readonly payload: Uint8Array }[];
  /** Who gets the outcome. */
  readonly owner:
    | { readonly kind: 'asker'; readonly reply: Reply<QueryOutcome> }
    | {
        readonly kind: 'keys';
        readonly operation: KeyOperation;
        readonly nodes: number;
        readonly reply: Reply<KeyOutcome>;
      }
    | { readonly kind: 'conflict' };
}

/** A query of another that may still be answered. */
export interface OpenQuery {
  readonly query: Query;
  readonly deadlineMs: number;
}

/** Somebody waits until a broadcast has been sent out. */
export interface Wait {
  readonly deadlineMs: number;
  readonly purpose: 'leave-intent' | 'leave-dead' | 'force-leave' | 'tags';
  readonly reply: Reply<null> | null;
}

export interface PruneOrder {
  readonly name: string;
  readonly dueMs: number;
}

/** Log lines of the current second, so that strangers cannot fill a disk with them. */
export interface LogAllowance {
  readonly sinceMs: number;
  readonly lines: number;
  /** Lines not written since the last one that was. */
  readonly dropped: number;
}

/** Counters for the curious. */
export interface PoolCounts {
  readonly packetsUnreadable: number;
  readonly messagesDropped: number;
  readonly probesFailed: number;
  readonly refutations: number;
}

export type LeavePhase = 'no' | 'leaving' | 'departed';

export interface PoolState {
  readonly config: PoolConfig;
  readonly nowMs: number;
  readonly random: number;
  readonly keyRing: KeyRing;
  readonly tags: Readonly<Record<string, string>>;
  readonly leave: LeavePhase;

  readonly nodes: ReadonlyMap<string, Node>;
  /** Names in probe order, self included. */
  readonly order: readonly string[];
  readonly orderAt: number;
  readonly sequence: number;
  readonly incarnation: number;
  readonly health: number;
  readonly suspicions: ReadonlyMap<string, Suspicion>;
  readonly probe: Probe | null;
  readonly relays: ReadonlyMap<number, Relay>;
  readonly exchanges: ReadonlyMap<number, Exchange>;
  readonly joins: ReadonlyMap<number, Join>;
  readonly nextId: number;
  readonly queue: BroadcastQueue;
  readonly probeAtMs: number;
  readonly gossipAtMs: number;
  readonly syncAtMs: number;
  /** Pause before the push/pull after the next, while the pool is young. */
  readonly syncPaceMs: number;
  /** Members when the last push/pull began. */
  readonly syncedNodes: number;

  readonly members: ReadonlyMap<string, Member>;
  readonly facts: ReadonlyMap<string, MemberFacts>;
  readonly intents: ReadonlyMap<string, EarlyIntent>;
  readonly prunes: ReadonlyMap<string, PruneOrder>;
  readonly clock: bigint;
  readonly eventClock: bigint;
  readonly queryClock: bigint;
  readonly eventMin: bigint;
  readonly queryMin: bigint;
  readonly eventSlots: ReadonlyMap<number, EventSlot>;
  readonly querySlots: ReadonlyMap<number, QuerySlot>;
  readonly queries: ReadonlyMap<string, RunningQuery>;
  readonly open: ReadonlyMap<string, OpenQuery>;
  readonly waits: ReadonlyMap<number, Wait>;
  readonly intentQueue: BroadcastQueue;
  readonly queryQueue: BroadcastQueue;
  readonly eventQueue: BroadcastQueue;
  readonly reapAtMs: number;
  readonly reconnectAtMs: number;
  readonly savedClock: bigint;
  readonly vivaldi: Vivaldi;
  readonly coordinates: ReadonlyMap<string, Coordinate>;
  /** The coordinates as they were last published, and when they may be again. */
  readonly toldCoordinates: CoordinatesView | null;
  readonly coordinatesAtMs: number;
  readonly viewVersion: number;
  readonly counts: PoolCounts;
  readonly logs: LogAllowance;
  /** Another member has claimed our name; a resolution has to be begun. */
  readonly conflicted: boolean;
  /** Another member has our name and the pool holds with it. */
  readonly ousted: boolean;
}

export type { UserEvent };

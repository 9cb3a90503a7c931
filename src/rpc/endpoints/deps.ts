/** What the endpoints of a server need of the rest of it; each owner implements its part. */

import type { CommandType } from '../../fsm/command-types.ts';
import type { Log } from '../../log.ts';
import type { Coordinate, DatacenterMap } from '../../model/coordinate.ts';
import type { AutopilotState } from '../../model/operator.ts';
import type { StoreSource } from '../../store/store.ts';
import type { Codec } from '../../wire/msgpack/schema.ts';
import type { Clock, Random } from '../../world/world.ts';
import type { RpcCaller } from '../method.ts';

/**
 * Writes one command through Raft. Rejects with Raft's error, or with the error that the state
 * machine answered; so the response is never an error.
 */
export type RaftApply = <Request>(
  type: CommandType,
  codec: Codec<Request>,
  request: Request,
) => Promise<unknown>;

export interface RaftPeer {
  readonly id: string;
  /** `ip:port` of the server port. */
  readonly address: string;
  readonly voter: boolean;
}

/** The node's view of consensus, as of now. */
export interface ConsensusView {
  readonly leading: boolean;
  /** Address of the leader, `null` when none is known. */
  readonly leaderAddress: string | null;
  /** Milliseconds since this server heard of the leader; 0 on the leader, `null` = never. */
  readonly lastContactMs: number | null;
  /** On the leader: whether all entries of former terms are applied. */
  readonly readyForConsistentReads: boolean;
  readonly peers: readonly RaftPeer[];
  readonly lastLogTerm: number;
  readonly lastLogIndex: number;
}

export interface ConsensusFacts {
  view(): ConsensusView;
  /** Whether what this server had on its disk is in the store. */
  restored(): boolean;
  /** Whether this server leads, and nobody else can have been elected yet. */
  holdsLease(): boolean;
  /**
   * Resolves when everything acknowledged before the call can be read here. Rejects when this
   * server is not the leader any more.
   */
  verifyLeader(): Promise<void>;
  /** Takes a server out of the configuration; rejects with Raft's error. */
  removeServer(id: string): Promise<void>;
}

/** Timers of sessions, which only the leader keeps. */
export interface SessionTimers {
  /** Starts or restarts the timer of a session with a TTL. */
  reset(id: string, ttlMs: number): void;
  clear(id: string): void;
  /** Resolves when no end of the session is being written. */
  settled(id: string): Promise<void>;
}

/** A key operation, to be done by every member of a gossip pool. */
export interface KeyOrder {
  readonly operation: 'list' | 'install' | 'use' | 'remove';
  /** Raw key; empty for `list`. */
  readonly key: Uint8Array;
  readonly relayFactor: number;
}

/** What the members answered. */
export interface KeyAnswers {
  /** Error texts by member. */
  readonly messages: Readonly<Record<string, string>>;
  /** Base64 key → number of members that have it. */
  readonly keys: Readonly<Record<string, number>>;
  /** Base64 key → number of members whose primary it is. */
  readonly primaryKeys: Readonly<Record<string, number>>;
  /** Alive members when the operation began. */
  readonly nodes: number;
  /** Empty when all members succeeded. */
  readonly error: string;
}

export type KeyChange = (order: KeyOrder) => Promise<KeyAnswers>;

/** What an agent is told along with its first certificate. */
export interface AutoEncryptFacts {
  /** PEM texts of the CAs that this server was configured with. */
  configuredCaPem(): readonly string[];
  verifiesServerHostname(): boolean;
}

export interface EndpointDeps {
  readonly datacenter: string;
  /** The mesh: whether there is one, and whether its authority is that of this datacenter. */
  readonly connect: { readonly enabled: boolean; readonly primary: boolean };
  /** Certificates for agents that have none yet; `null` unless `auto_encrypt.allow_tls` is set. */
  readonly autoEncrypt: AutoEncryptFacts | null;
  readonly store: StoreSource;
  /** Calls other servers: those of other datacenters, and the leader. */
  readonly rpc: RpcCaller;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly raftApply: RaftApply;
  readonly consensus: ConsensusFacts;
  readonly sessionTimers: SessionTimers;
  /** What autopilot knows of the servers; `null` before its first look, and on followers. */
  autopilot(): AutopilotState | null;
  /** Milliseconds for which a key may not be locked yet; 0 = it may. */
  lockDelayMs(key: string): number;
  /** Names of datacenters that are known, nearest first, the own one included. */
  datacenters(): readonly string[];
  /** Node name of a server by its Raft address, from the LAN pool; `null` = unknown. */
  serverName(raftAddress: string): string | null;
  /** Whether all servers of this datacenter understand federation states. */
  federationStatesSupported(): boolean;
  /** Fires a user event in the LAN pool. `name` is the user's, without prefix. */
  fireEvent(name: string, payload: Uint8Array): Promise<void>;
  /** Key operations on the gossip pools; `wan` is `null` on servers that are in no WAN pool. */
  readonly keys: { readonly lan: KeyChange; readonly wan: KeyChange | null };
  /** Coordinates of the servers of all datacenters, as far as they are known. */
  datacenterMaps(): readonly DatacenterMap[];
  /** Takes a coordinate for the next batch written to the store. */
  updateCoordinate(coordinate: Coordinate): void;
}

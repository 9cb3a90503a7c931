/**
 * Consensus as its users see it: hand in a command, get back what the state machine answered once
 * the command is durable on a majority.
 *
 * The texts of the errors are hashicorp/raft's, since clients match them.
 */

import type { RaftConfiguration } from './configuration.ts';

/** Role of this server. `shutdown` after the node has been stopped. */
export type RaftRole = 'follower' | 'candidate' | 'leader' | 'shutdown';

/** Who leads. */
export interface RaftLeader {
  /** Empty when the leader speaks a protocol without IDs and is in no known configuration. */
  readonly id: string;
  readonly address: string;
}

/** The state of the raft node at one moment. */
export interface RaftView {
  readonly role: RaftRole;
  readonly term: number;
  readonly leader: RaftLeader | undefined;
  /** Milliseconds since the leader was last heard; 0 on the leader, `undefined` = never. */
  readonly lastContactMs: number | undefined;
  /** The newest configuration in the log, committed or not; it is the one in use. */
  readonly configuration: RaftConfiguration;
  readonly configurationIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly snapshotIndex: number;
  readonly snapshotTerm: number;
}

export type ConsensusErrorKind =
  | 'not-leader'
  | 'leadership-lost'
  | 'transfer-in-progress'
  | 'snapshot-restored'
  | 'enqueue-timeout'
  | 'shutdown'
  | 'cannot-bootstrap'
  | 'nothing-to-snapshot'
  | 'configuration'
  | 'transfer'
  | 'storage';

/** Texts that clients match. */
export const CONSENSUS_TEXTS = {
  'not-leader': 'node is not the leader',
  'leadership-lost': 'leadership lost while committing log',
  'transfer-in-progress': 'leadership transfer in progress',
  'snapshot-restored': 'snapshot restored while committing log',
  'enqueue-timeout': 'timed out enqueuing operation',
  shutdown: 'raft is already shutdown',
  'cannot-bootstrap': 'bootstrap only works on new clusters',
  'nothing-to-snapshot': 'nothing new to snapshot',
} as const;

/** Why consensus refused or lost an operation. */
export class ConsensusError extends Error {
  override readonly name = 'ConsensusError';
  readonly kind: ConsensusErrorKind;
  constructor(kind: ConsensusErrorKind, text?: string, options?: { readonly cause?: unknown }) {
    super(text ?? CONSENSUS_TEXTS[kind as keyof typeof CONSENSUS_TEXTS] ?? kind, options);
    this.kind = kind;
  }
}

/** A snapshot that lies durable on this server. */
export interface StoredSnapshot {
  /** `<term>-<index>-<unix ms>`. */
  readonly id: string;
  readonly index: number;
  readonly term: number;
  readonly configuration: RaftConfiguration;
  readonly configurationIndex: number;
  /** Bytes of the state. */
  readonly size: number;
  /** The state, verified against its checksum while it is read: throws at the end if it differs. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** One log entry of a command that goes in pieces. */
export interface CommandPiece {
  readonly data: Uint8Array;
  /** Which piece of what it is. */
  readonly extensions: Uint8Array;
}

/** What a member change names. `prevIndex` 0 = do not compare with the latest configuration. */
export interface MemberChangeOptions {
  readonly prevIndex: number;
}

/**
 * All rejections are `ConsensusError`s. `not-leader` and `transfer-in-progress` mean that nothing
 * was done; after `leadership-lost` and `snapshot-restored` the outcome is not known.
 */
export interface Consensus {
  /**
   * Replicates one command (type byte and body). Resolves with what the state machine answered; an
   * `Error` value among the answers is an answer, not a rejection.
   */
  apply(command: Uint8Array): Promise<unknown>;
  /** Replicates commands as neighbours in the log; answers in their order. */
  applyBatch(commands: readonly Uint8Array[]): Promise<readonly unknown[]>;
  /**
   * Replicates the pieces of a split command as neighbours in the log; answers in their order, that
   * of the last one for the whole.
   */
  applyPieces(pieces: readonly CommandPiece[]): Promise<readonly unknown[]>;
  /** Resolves when everything committed before has been applied here. */
  barrier(): Promise<void>;
  /** Resolves when a majority has confirmed, after the call, that this server leads. */
  verifyLeader(): Promise<void>;
  /** Whether this server leads, and by its clock nobody else can have been elected yet. Cheap. */
  holdsLease(): boolean;
  /** The state at this moment. Cheap. */
  view(): RaftView;
  addVoter(id: string, address: string, options: MemberChangeOptions): Promise<void>;
  addNonvoter(id: string, address: string, options: MemberChangeOptions): Promise<void>;
  demoteVoter(id: string, options: MemberChangeOptions): Promise<void>;
  removeServer(id: string, options: MemberChangeOptions): Promise<void>;
  /** Writes the first configuration. Rejects with `cannot-bootstrap` when there is any state. */
  bootstrap(configuration: RaftConfiguration): Promise<void>;
  /** Whether log, vote or snapshot hold anything, so that bootstrapping is over. */
  hasState(): boolean;
  /** Takes a snapshot of what is applied and returns it when it is durable. */
  snapshot(): Promise<StoredSnapshot>;
  /**
   * Replaces the state of the whole cluster by that of a snapshot taken elsewhere (leader only).
   * `index` is the one the snapshot was taken at; the log goes on above it.
   */
  restore(snapshot: {
    readonly index: number;
    readonly size: number;
    readonly chunks: AsyncIterable<Uint8Array>;
  }): Promise<void>;
  /** Hands leadership to the best follower, or to the one named. Resolves when it is gone. */
  leadershipTransfer(to?: { readonly id: string; readonly address: string }): Promise<void>;
}

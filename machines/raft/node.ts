/**
 * The state of a raft node and what one step of it asks for.
 *
 * The algorithm is pure: a step takes the node and an input and gives the next node and effects as
 * data. The contract of the effects: everything is carried out in order, except that `send` and
 * `answer` wait until all that was to be persisted up to their `after` is durable.
 */

import type { RaftConfiguration, RaftServer } from '../../src/consensus/configuration.ts';
import type {
  ConsensusErrorKind,
  RaftLeader,
  RaftRole,
  StoredSnapshot,
} from '../../src/consensus/consensus.ts';
import type { LogEntry } from '../../src/wire/raft/log-entry.ts';
import type {
  AppendEntriesRequest,
  AppendEntriesResponse,
  InstallSnapshotRequest,
  RaftRequest,
  RaftResponse,
  RequestPreVoteResponse,
  RequestVoteResponse,
} from '../../src/wire/raft/messages.ts';
import type { Message, Reply } from '../messages.ts';
import type { MemberChange, Proposal } from '../routes/raft.ts';
import type { RaftSettings } from './limits.ts';
import type { LogPoint, LogView } from './log-view.ts';

/** A configuration and the index of the entry that brought it. */
export interface PlacedConfiguration {
  readonly index: number;
  readonly configuration: RaftConfiguration;
}

/** What must be known again after a crash, besides the log. */
export interface HardState {
  readonly term: number;
  /** Address of the candidate that got the vote of `term`; empty = nobody. */
  readonly votedFor: string;
  /** As the node's; not known when nothing was saved, or by a version that kept no such thing. */
  readonly catchingUp?: boolean | undefined;
}

/** What a leader knows of one other server. */
export interface Progress {
  server: RaftServer;
  /** Highest index known to be durable there. */
  match: number;
  /** Next index to send. */
  next: number;
  /** `probe`: one request at a time, to find where the logs agree. */
  mode: 'probe' | 'pipeline' | 'snapshot';
  inFlight: number;
  /** Answers to requests of an older epoch say nothing about `next`. */
  epoch: number;
  contactAtMs: number;
  /** When the newest request was sent that it has answered as our follower: leases count from it. */
  leaseFromMs: number;
  failures: number;
  retryAtMs: number;
  /** When the next append is due even if there is nothing to send. */
  appendAtMs: number;
  /** The commit index that the newest append has told of. */
  commitSent: number;
  heartbeatAtMs: number;
  heartbeatInFlight: boolean;
  heartbeatFailures: number;
  /** Highest verification round that has been sent and that was answered. */
  roundSent: number;
  roundAnswered: number;
}

export interface Verification {
  readonly round: number;
  /** What was committed when it was asked for: applied before it is answered. */
  readonly readIndex: number;
  readonly reply: Reply<null>;
}

export interface Transfer {
  readonly to: string;
  readonly reply: Reply<null>;
  readonly deadlineMs: number;
  sent: boolean;
}

export interface QueuedChange {
  readonly change: MemberChange;
  readonly prevIndex: number;
  readonly reply: Reply<null>;
}

export interface Leadership {
  /** Index of the first entry of this term: nothing is committed by counting below it. */
  firstIndex: number;
  progress: Map<string, Progress>;
  verifications: Verification[];
  round: number;
  changes: QueuedChange[];
  transfer: Transfer | undefined;
  /** Somebody was told to stand whatever others hear of us: no lease is left in this term. */
  leaseGivenUp: boolean;
}

export interface Election {
  /** `canvass`: asks who would vote, and keeps its term meanwhile. (Raft thesis 9.6) */
  stage: 'canvass' | 'vote';
  /** Servers that granted; ourselves once the vote is durable. */
  granted: Set<string>;
  /** The vote for ourselves is durable when this much is. */
  selfAfter: number;
}

export interface RaftNode {
  readonly self: { readonly id: string; readonly address: string };
  readonly settings: RaftSettings;
  role: Exclude<RaftRole, 'shutdown'>;
  term: number;
  votedFor: string;
  /**
   * Started with nothing, and has not had since what is committed: it may have lost its disk, and
   * with it entries that it had promised to keep. It neither votes nor stands.
   */
  catchingUp: boolean;
  leader: RaftLeader | undefined;
  /** The process of the leader is evidently gone: it is protected no longer than its lease. */
  leaderGone: boolean;
  log: LogView;
  /** The committed one first, the newest last; never empty. */
  configurations: readonly PlacedConfiguration[];
  commitIndex: number;
  /** Handed to the state machine, and answered by it. */
  applyingIndex: number;
  appliedIndex: number;
  /** Sequence numbers of what was asked to be persisted and of what is. */
  persistIssued: number;
  persistDone: number;
  /** Sequence number of the newest hard state. */
  hardStateIssued: number;
  /** Entries up to here are durable. */
  persistIndex: number;
  persistPending: readonly { readonly sequence: number; readonly lastIndex: number }[];
  storage: 'ready' | 'failed';
  /** Monotonic time of the last input that had one. */
  nowMs: number;
  /** From monotonic to Unix time; `undefined` until the timer has told. */
  wallOffsetMs: number | undefined;
  contactAtMs: number | undefined;
  electionAtMs: number;
  /** No votes before: a leader may count on what was answered to it before we were restarted. */
  votesFromMs: number;
  snapshotAtMs: number;
  snapshotsTaking: number;
  /** Ticket of the snapshot that is being received. */
  installing: number | undefined;
  /** Who waits for a snapshot from outside that is being written; nothing is proposed meanwhile. */
  restoring: Reply<null> | undefined;
  /** State of the random numbers. */
  random: number;
  election: Election | undefined;
  leadership: Leadership | undefined;
}

/** What lies on disk when a node starts. */
export interface StoredState {
  readonly hardState: HardState;
  readonly log: LogView;
  /** Configuration of the newest snapshot; index 0 and no servers when there is none. */
  readonly configuration: PlacedConfiguration;
}

/** A request as it is sent to a peer, with what is needed to understand its answer. */
export type PeerMessage =
  | {
      readonly kind: 'append';
      readonly term: number;
      readonly epoch: number;
      readonly sentAtMs: number;
      readonly lastIndex: number;
      readonly body: AppendEntriesRequest;
    }
  | {
      readonly kind: 'heartbeat';
      readonly term: number;
      readonly round: number;
      readonly sentAtMs: number;
      readonly body: AppendEntriesRequest;
    }
  | { readonly kind: 'vote'; readonly term: number; readonly request: RaftRequest }
  | { readonly kind: 'pre-vote'; readonly term: number; readonly request: RaftRequest }
  | { readonly kind: 'timeout-now'; readonly term: number; readonly request: RaftRequest }
  /** Send the newest snapshot; answered by `snapshot`. */
  | { readonly kind: 'snapshot'; readonly term: number; readonly epoch: number };

/** What came of a message to a peer. */
export type PeerAnswer =
  | {
      readonly kind: 'append';
      readonly term: number;
      readonly epoch: number;
      readonly sentAtMs: number;
      readonly prevIndex: number;
      readonly lastIndex: number;
      readonly response: AppendEntriesResponse;
    }
  | {
      readonly kind: 'heartbeat';
      readonly term: number;
      readonly round: number;
      readonly sentAtMs: number;
      readonly response: AppendEntriesResponse;
    }
  | { readonly kind: 'vote'; readonly term: number; readonly response: RequestVoteResponse }
  /** `term` is the one that was asked in. Without a response: the peer does not know the question. */
  | {
      readonly kind: 'pre-vote';
      readonly term: number;
      readonly response: RequestPreVoteResponse | undefined;
    }
  | {
      readonly kind: 'snapshot';
      readonly term: number;
      readonly epoch: number;
      readonly index: number;
      readonly response: { readonly Term: number; readonly Success: boolean };
    }
  | {
      readonly kind: 'failed';
      readonly of: PeerMessage['kind'];
      readonly term: number;
      readonly epoch: number;
      readonly error: Error;
    };

export type Effect =
  | {
      readonly type: 'persist';
      readonly sequence: number;
      readonly hardState?: HardState;
      /** Replace what is in the log from the first one's index on. */
      readonly entries?: readonly LogEntry[];
      /** Forget all entries; the log goes on behind this snapshot. */
      readonly reset?: LogPoint;
    }
  /** Entries up to here may be deleted, at leisure. */
  | { readonly type: 'compact'; readonly through: number }
  | {
      readonly type: 'send';
      readonly to: RaftServer;
      readonly after: number;
      readonly message: PeerMessage;
    }
  | {
      readonly type: 'answer';
      readonly ticket: number;
      readonly after: number;
      readonly error: string;
      readonly response: RaftResponse | null;
    }
  | {
      readonly type: 'apply';
      readonly entries: readonly LogEntry[];
      readonly throughIndex: number;
    }
  /** Everything up to here is applied; `responses` answer the commands of the last `apply`. */
  | {
      readonly type: 'applied';
      readonly throughIndex: number;
      readonly responses: readonly unknown[];
    }
  /** These stand in the log from `firstIndex` on; their callers wait for `applied`. */
  | { readonly type: 'accept'; readonly firstIndex: number; readonly replies: readonly AnyReply[] }
  /** Whoever waits for `applied` gets this error. */
  | { readonly type: 'abandon'; readonly error: ConsensusErrorKind }
  | { readonly type: 'settle'; readonly reply: Reply<null>; readonly after: number }
  | {
      readonly type: 'refuse';
      readonly replies: readonly AnyReply[];
      readonly error: ConsensusErrorKind;
      readonly text?: string;
    }
  | {
      readonly type: 'snapshot.take';
      readonly at: LogPoint;
      readonly configuration: PlacedConfiguration;
      readonly reply: Reply<StoredSnapshot> | undefined;
    }
  | {
      readonly type: 'snapshot.receive';
      readonly ticket: number;
      readonly request: InstallSnapshotRequest;
    }
  /** Write a snapshot from outside; refused when its size differs. */
  | {
      readonly type: 'snapshot.adopt';
      readonly at: LogPoint;
      readonly configuration: PlacedConfiguration;
      readonly size: number;
      readonly chunks: AsyncIterable<Uint8Array>;
    }
  /** The state machine takes this state. */
  | {
      readonly type: 'snapshot.load';
      readonly snapshot: StoredSnapshot;
      readonly reply: Reply<null> | undefined;
    }
  /** Remove a snapshot that was written for nothing. */
  | { readonly type: 'snapshot.drop'; readonly snapshot: StoredSnapshot }
  | { readonly type: 'leadership.gained'; readonly term: number }
  | { readonly type: 'leadership.lost'; readonly term: number }
  | { readonly type: 'view.changed' }
  | { readonly type: 'clock.arm'; readonly atMs: number }
  | {
      readonly type: 'note';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly text: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };

// biome-ignore lint/suspicious/noExplicitAny: a reply is passed on, whatever its answer is
export type AnyReply = Reply<any>;

/** Inputs. Those that come from the outside of the process carry the time. */
export type Input =
  /** `wallMs`: the same moment as people count it, Unix time. */
  | { readonly type: 'clock.reached'; readonly nowMs: number; readonly wallMs: number }
  | {
      readonly type: 'requests.received';
      readonly nowMs: number;
      readonly requests: readonly { readonly ticket: number; readonly request: RaftRequest }[];
    }
  | {
      readonly type: 'answers.received';
      readonly nowMs: number;
      readonly answers: readonly { readonly from: string; readonly answer: PeerAnswer }[];
    }
  /** Nobody listens any more where this leader did, and its connections are broken. */
  | { readonly type: 'leader.gone'; readonly nowMs: number; readonly address: string }
  | { readonly type: 'storage.persisted'; readonly nowMs: number; readonly sequence: number }
  | { readonly type: 'storage.failed'; readonly nowMs: number; readonly error: Error }
  | { readonly type: 'storage.recovered'; readonly nowMs: number }
  | {
      readonly type: 'snapshot.taken';
      readonly nowMs: number;
      /** Absent when it failed. */
      readonly at: LogPoint | undefined;
    }
  | {
      readonly type: 'snapshot.installed';
      readonly nowMs: number;
      readonly ticket: number;
      readonly at: LogPoint;
      readonly configuration: PlacedConfiguration;
    }
  | {
      readonly type: 'snapshot.refused';
      readonly nowMs: number;
      readonly ticket: number;
      readonly error: string;
    }
  | { readonly type: 'snapshot.progressed'; readonly nowMs: number; readonly ticket: number }
  | {
      readonly type: 'entries.applied';
      readonly throughIndex: number;
      readonly responses: readonly unknown[];
    }
  | { readonly type: 'proposals.submitted'; readonly proposals: readonly Proposal[] }
  | { readonly type: 'leadership.verify'; readonly reply: Reply<null> }
  | {
      readonly type: 'leadership.transfer';
      readonly to: { readonly id: string; readonly address: string } | null;
      readonly reply: Reply<null>;
    }
  | {
      readonly type: 'configuration.change';
      readonly change: MemberChange;
      readonly prevIndex: number;
      readonly reply: Reply<null>;
    }
  | {
      readonly type: 'cluster.bootstrap';
      readonly configuration: RaftConfiguration;
      readonly reply: Reply<null>;
    }
  | { readonly type: 'snapshot.create'; readonly reply: Reply<StoredSnapshot> }
  | Message<'snapshot.restore'>
  | {
      readonly type: 'snapshot.adopted';
      readonly nowMs: number;
      readonly at: LogPoint;
      readonly configuration: PlacedConfiguration;
      readonly snapshot: StoredSnapshot;
    }
  | { readonly type: 'snapshot.unadopted'; readonly nowMs: number; readonly error: string }
  | {
      readonly type: 'snapshot.loaded';
      readonly nowMs: number;
      readonly reply: Reply<null> | undefined;
    }
  | { readonly type: 'snapshot.unloaded'; readonly nowMs: number; readonly error: Error };

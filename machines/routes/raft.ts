/**
 * Messages to and from the raft node.
 *
 * Down from raft to the state machine: batches of committed entries, answered in order; snapshots
 * and restores as streams of chunks. Up: who leads. Callers use the facade `Consensus`
 * (src/consensus), whose messages come from the name `consensus`.
 */

import type { RaftConfiguration } from '../../src/consensus/configuration.ts';
import type { RaftView, StoredSnapshot } from '../../src/consensus/consensus.ts';
import type { Reply } from '../messages.ts';
import type { RouteShape } from './shape.ts';

/** A committed entry as the state machine gets it: commands only. */
export interface CommittedEntry {
  readonly index: number;
  readonly term: number;
  /** Type byte and body. */
  readonly data: Uint8Array;
  /** Chunk information of a split command; `null` for a whole one. */
  readonly extensions: Uint8Array | null;
  /** Leader's clock at append, milliseconds since the Unix epoch; `undefined` = not sent. */
  readonly appendedAtMs: number | undefined;
}

/** The state of the state machine as of one index, frozen. */
export interface StateSnapshot {
  /** Last index that the state holds. */
  readonly index: number;
  /** The encoded state (state.bin). Read once, at the reader's pace; must not block for long. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Called once when the chunks are read or will not be. */
  release(): void;
}

/** What to do with one server of the configuration. */
export type MemberChange =
  | { readonly kind: 'add-voter'; readonly id: string; readonly address: string }
  | { readonly kind: 'add-nonvoter'; readonly id: string; readonly address: string }
  | { readonly kind: 'demote-voter'; readonly id: string }
  | { readonly kind: 'remove-server'; readonly id: string };

/** Something to be put into the log. The answer comes when it is applied here. */
export interface Proposal {
  readonly kind: 'command' | 'barrier';
  /** Empty for a barrier. */
  readonly data: Uint8Array;
  /** Chunk information of one piece of a split command; `null` for a whole one. */
  readonly extensions: Uint8Array | null;
  readonly reply: Reply<unknown>;
}

export interface RaftMessages {
  /**
   * Apply these, in order, then send `entries.applied`. There is one batch under way at a time.
   * Indexes ascend with gaps (entries that are not commands); `throughIndex` is the last index that
   * the batch stands for, and may be all there is.
   */
  'entries.committed': {
    readonly entries: readonly CommittedEntry[];
    readonly throughIndex: number;
  };
  /** One response an entry; `Error` values are responses. */
  'entries.applied': { readonly throughIndex: number; readonly responses: readonly unknown[] };
  /** Freeze the state; comes after all `entries.committed` sent before. */
  'state.freeze': { readonly reply: Reply<StateSnapshot> };
  /** Replace the state by what the chunks encode; the state is then that of `index`. */
  'state.restore': {
    readonly index: number;
    readonly chunks: AsyncIterable<Uint8Array>;
    readonly reply: Reply<null>;
  };

  /** Stop serving and close the files; answered when everything handed in is durable. */
  'raft.stop': { readonly reply: Reply<null> };

  'raft.changed': { readonly view: RaftView };
  'leadership.gained': { readonly term: number };
  'leadership.lost': { readonly term: number };

  'proposals.submitted': {
    readonly proposals: readonly Proposal[];
    /** Refused when the batch reaches nobody; each proposal has its own for everything else. */
    readonly reply: Reply<null>;
  };
  'leadership.verify': { readonly reply: Reply<null> };
  'leadership.transfer': {
    /** `null` = the best follower. */
    readonly to: { readonly id: string; readonly address: string } | null;
    readonly reply: Reply<null>;
  };
  'configuration.change': {
    readonly change: MemberChange;
    readonly prevIndex: number;
    readonly reply: Reply<null>;
  };
  'cluster.bootstrap': {
    readonly configuration: RaftConfiguration;
    readonly reply: Reply<null>;
  };
  'snapshot.create': { readonly reply: Reply<StoredSnapshot> };
  'snapshot.restore': {
    readonly index: number;
    readonly size: number;
    readonly chunks: AsyncIterable<Uint8Array>;
    readonly reply: Reply<null>;
  };
}

const WHY = {
  changed: 'who leads, and of which configuration',
} as const;

export const RAFT_ROUTES = [
  { from: 'raft', type: 'entries.committed', to: 'fsm', why: 'a majority has them on disk' },
  { from: 'fsm', type: 'entries.applied', to: 'raft', why: 'what waiting callers are answered' },
  { from: 'raft', type: 'state.freeze', to: 'fsm', why: 'a snapshot, so that the log can shrink' },
  { from: 'raft', type: 'state.restore', to: 'fsm', why: 'a snapshot of the leader, or at start' },
  { from: 'raft', type: 'raft.changed', to: 'rpc-router', why: WHY.changed },
  { from: 'raft', type: 'raft.changed', to: 'leader-duties', why: WHY.changed },
  { from: 'raft', type: 'leadership.gained', to: 'leader-duties', why: 'duties begin' },
  { from: 'raft', type: 'leadership.lost', to: 'leader-duties', why: 'duties end' },
  { from: 'raft', type: 'leadership.gained', to: 'server', why: 'barrier, then consistent reads' },
  { from: 'raft', type: 'leadership.lost', to: 'server', why: 'no more consistent reads' },
  { from: 'server', type: 'raft.stop', to: 'raft', why: 'graceful shutdown' },
  { from: 'consensus', type: 'proposals.submitted', to: 'raft', why: 'writes and barriers' },
  { from: 'consensus', type: 'leadership.verify', to: 'raft', why: 'consistent reads' },
  { from: 'consensus', type: 'leadership.transfer', to: 'raft', why: 'leave, failed duties' },
  { from: 'consensus', type: 'configuration.change', to: 'raft', why: 'members come and go' },
  { from: 'consensus', type: 'cluster.bootstrap', to: 'raft', why: 'the first configuration' },
  { from: 'consensus', type: 'snapshot.create', to: 'raft', why: '`snapshot save`' },
  { from: 'consensus', type: 'snapshot.restore', to: 'raft', why: '`snapshot restore`' },
] as const satisfies readonly RouteShape[];

/** What a server does with the requests of a leader. (Raft paper 5.3, 7; hashicorp/raft's answers) */

import { decodeConfiguration, decodePeers } from '../../src/wire/raft/configuration.ts';
import type { LogEntry } from '../../src/wire/raft/log-entry.ts';
import {
  type AppendEntriesRequest,
  type AppendEntriesResponse,
  type InstallSnapshotRequest,
  type InstallSnapshotResponse,
  PROTOCOL_VERSION,
  SNAPSHOT_VERSION_MAX,
} from '../../src/wire/raft/messages.ts';
import type { LogPoint } from './log-view.ts';
import type { PlacedConfiguration, RaftNode } from './node.ts';
import { becomeFollower } from './roles.ts';
import {
  appendEntries,
  commitThrough,
  committedPlaced,
  headerOf,
  heardLeader,
  latestConfiguration,
  note,
  resetLog,
  type Step,
  saveHardState,
} from './step-base.ts';

/** Entries, a heartbeat, or news of the commit index. */
export function appendRequested(step: Step, body: AppendEntriesRequest): AppendEntriesResponse {
  const { node } = step;
  const lastLog = node.log.lastIndex;
  const answer = (outcome: 'done' | 'elsewhere' | 'failed'): AppendEntriesResponse => ({
    ProtocolVersion: PROTOCOL_VERSION,
    ID: node.self.id,
    Addr: node.self.address,
    Term: node.term,
    LastLog: lastLog,
    Success: outcome === 'done',
    NoRetryBackoff: outcome === 'elsewhere',
  });
  if (body.Term < node.term) return answer('failed');
  // A newer term could not be kept: it is not adopted, and nothing is promised.
  if (node.storage === 'failed') return answer('failed');
  if (!followLeader(step, body)) return answer('failed');
  const entries = body.Entries ?? [];
  if (node.installing !== undefined && body.PrevLogEntry > 0) {
    heardLeader(step);
    return answer('failed');
  }
  if (!agreesAt(node, body.PrevLogEntry, body.PrevLogTerm)) return answer('elsewhere');
  const fresh = firstNew(node, entries);
  if (fresh !== undefined && !mayAppend(step, body, fresh)) return answer('failed');
  if (fresh !== undefined) appendEntries(step, entries.slice(entries.indexOf(fresh)));
  const lastKnownGood = body.PrevLogEntry + entries.length;
  commitThrough(node, Math.min(body.LeaderCommitIndex, lastKnownGood));
  heardLeader(step);
  if (node.catchingUp && hasAllCommitted(node, body)) {
    note(step, 'info', 'caught up with what is committed', { index: body.LeaderCommitIndex });
    node.catchingUp = false;
    saveHardState(step);
  }
  return answer('done');
}

/**
 * Whether all that was committed before this leader, and by it so far, is durable here. What it
 * says of commits before it has committed an entry of its own term is less than what is committed.
 */
function hasAllCommitted({ log, persistIndex }: RaftNode, body: AppendEntriesRequest): boolean {
  const { LeaderCommitIndex, Term } = body;
  return LeaderCommitIndex <= persistIndex && log.termAt(LeaderCommitIndex) === Term;
}

/** Follows who sent this. False when that cannot be: we lead in the same term. */
function followLeader(
  step: Step,
  body: {
    readonly Term: number;
    readonly Addr?: string | undefined;
    readonly Leader: string;
    readonly ID?: string | undefined;
  },
): boolean {
  const { node } = step;
  if (body.Term === node.term && node.role === 'leader') {
    note(step, 'error', 'another server claims to lead in our term', {
      term: node.term,
      address: body.Addr || body.Leader,
    });
    return false;
  }
  if (body.Term > node.term || node.role !== 'follower') becomeFollower(step, body.Term);
  const address = body.Addr || body.Leader;
  if (address !== '' && node.leader?.address !== address) {
    const server = latestConfiguration(node).servers.find((one) => one.address === address);
    node.leader = { id: body.ID || (server?.id ?? ''), address };
  }
  return true;
}

/** Whether our log has that term at that index. What is committed agrees by definition. */
function agreesAt(node: RaftNode, index: number, term: number): boolean {
  if (index === 0) return true;
  const ours = node.log.termAt(index);
  if (ours === undefined) return index <= node.log.snapshot.index;
  return ours === term;
}

/** The first entry that we do not have yet. A shorter request takes nothing away. */
function firstNew(node: RaftNode, entries: readonly LogEntry[]): LogEntry | undefined {
  return entries.find((entry) => {
    if (entry.Index <= node.log.snapshot.index) return false;
    return node.log.termAt(entry.Index) !== entry.Term;
  });
}

/** Refuses what no leader sends: it would cost what a majority has agreed on. */
function mayAppend(step: Step, body: AppendEntriesRequest, first: LogEntry): boolean {
  const { node } = step;
  const entries = body.Entries ?? [];
  const inOrder = entries.every((entry, at) => entry.Index === body.PrevLogEntry + 1 + at);
  if (inOrder && first.Index > node.commitIndex && first.Index <= node.log.lastIndex + 1) {
    return true;
  }
  note(step, 'error', 'a leader sent entries that cannot follow what is committed', {
    leader: body.Addr || body.Leader,
    first: first.Index,
    commitIndex: node.commitIndex,
    lastIndex: node.log.lastIndex,
  });
  return false;
}

export type InstallOutcome =
  | { readonly kind: 'answer'; readonly error: string; readonly body: InstallSnapshotResponse }
  | { readonly kind: 'receive' };

/** A leader wants to send its snapshot, because what we miss is no longer in its log. */
export function installRequested(
  step: Step,
  ticket: number,
  body: InstallSnapshotRequest,
): InstallOutcome {
  const { node } = step;
  const refuse = (error: string): InstallOutcome => ({
    kind: 'answer',
    error,
    body: installAnswer(node, 'refused'),
  });
  if (body.SnapshotVersion > SNAPSHOT_VERSION_MAX) {
    return refuse(`unsupported snapshot version ${body.SnapshotVersion}`);
  }
  if (body.Term < node.term) return refuse('');
  if (node.storage === 'failed') return refuse('log store is not available');
  if (!followLeader(step, body)) return refuse('');
  if (placedIn(body) === undefined) return refuse('snapshot holds no configuration');
  heardLeader(step);
  if (node.installing !== undefined) return refuse('another snapshot is being installed');
  if (body.LastLogIndex <= node.commitIndex) {
    // Late or repeated: all of it is here already.
    return { kind: 'answer', error: '', body: installAnswer(node, 'done') };
  }
  node.installing = ticket;
  return { kind: 'receive' };
}

export function installAnswer(
  node: RaftNode,
  outcome: 'done' | 'refused',
): InstallSnapshotResponse {
  return { ...headerOf(node), Term: node.term, Success: outcome === 'done' };
}

/** The configuration that a snapshot request carries; `undefined` when its bytes are none. */
export function placedIn(body: InstallSnapshotRequest): PlacedConfiguration | undefined {
  const decoded =
    body.SnapshotVersion > 0
      ? decodeConfiguration(body.Configuration ?? Buffer.alloc(0))
      : decodePeers(body.Peers ?? Buffer.alloc(0));
  if (!decoded.ok) return undefined;
  const index = body.SnapshotVersion > 0 ? body.ConfigurationIndex : body.LastLogIndex;
  return { index, configuration: decoded.value };
}

/**
 * A snapshot was received, is durable, and is the state of the state machine. Entries behind it
 * are kept when the log holds its last one; else nothing of the log can be trusted.
 */
export function snapshotInstalled(
  step: Step,
  at: LogPoint,
  configuration: PlacedConfiguration,
): void {
  const { node } = step;
  node.installing = undefined;
  heardLeader(step);
  if (at.index > node.log.snapshot.index) adoptSnapshot(step, at, configuration);
  node.commitIndex = Math.max(node.commitIndex, at.index);
  node.applyingIndex = at.index;
  node.appliedIndex = at.index;
  node.persistIndex = Math.max(node.persistIndex, at.index);
}

function adoptSnapshot(step: Step, at: LogPoint, configuration: PlacedConfiguration): void {
  const { node } = step;
  if (node.log.termAt(at.index) !== at.term) {
    resetLog(step, at, configuration);
    return;
  }
  node.log = node.log.compact(at, node.settings.trailingLogs);
  const newer = node.configurations.filter((placed) => placed.index > at.index);
  node.configurations = [
    configuration.index >= committedPlaced(node).index ? configuration : committedPlaced(node),
    ...newer,
  ];
  step.effects.push({ type: 'compact', through: node.log.firstIndex - 1 });
}

/** What a leader does: take proposals, commit, keep its lease, prove that it leads. */

import { ENTRY_TYPE } from '../../src/wire/raft/log-entry.ts';
import type { Reply } from '../messages.ts';
import type { Proposal } from '../routes/raft.ts';
import {
  LEASE_SHARE,
  UNCOMMITTED_BYTES_MAX,
  UNCOMMITTED_ENTRIES_MAX,
  VERIFICATIONS_MAX,
} from './limits.ts';
import type { Progress, RaftNode, Verification } from './node.ts';
import { heartbeatAll } from './replication.ts';
import { appendedAt, becomeFollower, leadingFor, refuse } from './roles.ts';
import { appendEntries, commitThrough, latestConfiguration, note, type Step } from './step-base.ts';

/** Puts a batch of proposals into the log. */
export function propose(step: Step, proposals: readonly Proposal[]): void {
  const { node } = step;
  const replies = proposals.map((proposal) => proposal.reply);
  if (leadingFor(step, replies) === undefined) return;
  if (tooMuchUncommitted(node, proposals)) {
    step.effects.push({ type: 'refuse', replies, error: 'enqueue-timeout' });
    return;
  }
  const firstIndex = node.log.lastIndex + 1;
  const AppendedAt = appendedAt(node);
  const entries = proposals.map((proposal, at) => ({
    Index: firstIndex + at,
    Term: node.term,
    Type: proposal.kind === 'barrier' ? ENTRY_TYPE.barrier : ENTRY_TYPE.command,
    Data: proposal.kind === 'barrier' ? null : proposal.data,
    Extensions: proposal.extensions,
    AppendedAt,
  }));
  step.effects.push({ type: 'accept', firstIndex, replies });
  appendEntries(step, entries);
}

/** A leader that is cut off must not fill its memory with what will never be committed. */
function tooMuchUncommitted(node: RaftNode, proposals: readonly Proposal[]): boolean {
  const uncommitted = node.log.lastIndex - node.commitIndex;
  if (uncommitted === 0) return false;
  if (uncommitted + proposals.length > UNCOMMITTED_ENTRIES_MAX) return true;
  // Counting is spared while all that is kept is not too much.
  if (node.log.bytes <= UNCOMMITTED_BYTES_MAX) return false;
  return node.log.bytesFrom(node.commitIndex + 1) > UNCOMMITTED_BYTES_MAX;
}

/**
 * Commits what a majority of voters has on disk, if it is of this term (Raft paper 5.4.2). We count
 * by what our own disk has confirmed, and only while we vote.
 */
export function advanceCommit(step: Step): void {
  const { node } = step;
  const { leadership } = node;
  if (leadership === undefined) return;
  const agreed = agreedByMajority(node, node.persistIndex, (peer) => peer.match);
  if (agreed < leadership.firstIndex || agreed <= node.commitIndex) return;
  commitThrough(node, agreed);
}

/** When the lease ends unless more voters are heard. Infinite while we alone are a majority. */
export function leaseEndsAtMs(node: RaftNode): number {
  if (node.leadership === undefined) return Number.POSITIVE_INFINITY;
  const heardMs = agreedByMajority(node, Number.POSITIVE_INFINITY, (peer) => peer.contactAtMs);
  return heardMs + node.settings.leaderLeaseTimeoutMs;
}

/**
 * Whether no other server can have become leader yet, by our clock: a majority took us for theirs so
 * shortly ago that none of them votes for another. Counted from when they were asked, not from when
 * the answer was read, which may be long after; and with a margin for clocks that run apart. Until
 * an entry of our term is applied we may lack what earlier leaders have acknowledged.
 */
export function holdsLease(node: RaftNode, nowMs: number): boolean {
  const { leadership } = node;
  if (leadership === undefined || leadership.leaseGivenUp) return false;
  if (node.appliedIndex < leadership.firstIndex) return false;
  const provenMs = agreedByMajority(node, Number.POSITIVE_INFINITY, (peer) => peer.leaseFromMs);
  return nowMs < provenMs + node.settings.leaderLeaseTimeoutMs * LEASE_SHARE;
}

/** The highest value that a majority of voters has reached; `own` is ours. */
function agreedByMajority(node: RaftNode, own: number, of: (peer: Progress) => number): number {
  const values: number[] = [];
  for (const { id, suffrage } of latestConfiguration(node).servers) {
    if (suffrage !== 'voter') continue;
    const peer = id === node.self.id ? undefined : node.leadership?.progress.get(id);
    if (id === node.self.id) values.push(own);
    else values.push(peer === undefined ? Number.NEGATIVE_INFINITY : of(peer));
  }
  sortDescending(values);
  // No configuration is without a voter.
  return values[Math.floor(values.length / 2)] as number;
}

/** By insertion: there are a handful, and it is done several times a step. */
function sortDescending(values: number[]): void {
  for (let next = 1; next < values.length; next++) {
    const value = values[next] as number;
    let at = next;
    while (at > 0 && (values[at - 1] as number) < value) {
      values[at] = values[at - 1] as number;
      at -= 1;
    }
    values[at] = value;
  }
}

/** Steps down when a majority of voters was not heard within the lease. */
export function checkLease(step: Step): void {
  const { node } = step;
  if (node.role !== 'leader' || node.nowMs < leaseEndsAtMs(node)) return;
  note(step, 'warn', 'failed to contact quorum of nodes, stepping down', { term: node.term });
  becomeFollower(step, node.term);
}

/**
 * A read of everything acknowledged so far (Raft thesis 6.4): answered when a round of heartbeats
 * sent after this has proved that we still lead, and what was committed by now is applied. Of what
 * earlier leaders have committed we know only once our first entry is. Who asks while a round is
 * under way waits for the next, which serves all of them.
 */
export function verify(step: Step, reply: Reply<null>): void {
  const { node } = step;
  const { leadership } = node;
  if (leadership === undefined) {
    refuse(step, [reply], 'not-leader');
    return;
  }
  if (leadership.verifications.length >= VERIFICATIONS_MAX) {
    step.effects.push({ type: 'refuse', replies: [reply], error: 'enqueue-timeout' });
    return;
  }
  leadership.round += 1;
  const readIndex = Math.max(node.commitIndex, leadership.firstIndex);
  const { round } = leadership;
  leadership.verifications = [...leadership.verifications, { round, readIndex, reply }];
  heartbeatAll(step);
}

/** Answers the verifications whose round a majority has answered and whose index is applied. */
export function settleVerifications(step: Step): void {
  const { node } = step;
  const { leadership } = node;
  if (leadership === undefined || leadership.verifications.length === 0) return;
  const proven = agreedByMajority(node, Number.POSITIVE_INFINITY, (peer) => peer.roundAnswered);
  // Later ones ask for no less, in round and in index.
  const settles = ({ round, readIndex }: Verification): boolean =>
    round <= proven && readIndex <= node.appliedIndex;
  const open = leadership.verifications.findIndex((one) => !settles(one));
  const settled = open === -1 ? leadership.verifications : leadership.verifications.slice(0, open);
  if (settled.length === 0) return;
  for (const { reply } of settled) step.effects.push({ type: 'settle', reply, after: 0 });
  leadership.verifications = leadership.verifications.slice(settled.length);
}

/** What a leader does: take proposals, commit, keep its lease, prove that it leads. */

import { ENTRY_TYPE } from '../../src/wire/raft/log-entry.ts';
import type { Reply } from '../messages.ts';
import type { Proposal } from '../routes/raft.ts';
import { UNCOMMITTED_BYTES_MAX, UNCOMMITTED_ENTRIES_MAX, VERIFICATIONS_MAX } from './limits.ts';
import type { RaftNode } from './node.ts';
import { heartbeatAll } from './replication.ts';
import { becomeFollower, leadingFor, refuse } from './roles.ts';
import { appendEntries, commitThrough, note, type Step, voterIds } from './step-base.ts';

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
  const entries = proposals.map((proposal, at) => ({
    Index: firstIndex + at,
    Term: node.term,
    Type: proposal.kind === 'barrier' ? ENTRY_TYPE.barrier : ENTRY_TYPE.command,
    Data: proposal.kind === 'barrier' ? null : proposal.data,
    Extensions: proposal.extensions,
    AppendedAt: undefined,
  }));
  step.effects.push({ type: 'accept', firstIndex, replies });
  appendEntries(step, entries);
}

/** A leader that is cut off must not fill its memory with what will never be committed. */
function tooMuchUncommitted(node: RaftNode, proposals: readonly Proposal[]): boolean {
  const uncommitted = node.log.lastIndex - node.commitIndex;
  if (uncommitted + proposals.length > UNCOMMITTED_ENTRIES_MAX) return uncommitted > 0;
  return node.log.bytes > UNCOMMITTED_BYTES_MAX && uncommitted > UNCOMMITTED_ENTRIES_MAX / 64;
}

/**
 * Commits what a majority of voters has on disk, if it is of this term (Raft paper 5.4.2). We count
 * by what our own disk has confirmed, and only while we vote.
 */
export function advanceCommit(step: Step): void {
  const { node } = step;
  const { leadership } = node;
  if (leadership === undefined) return;
  const matches = voterIds(node)
    .map((id) =>
      id === node.self.id ? node.persistIndex : (leadership.progress.get(id)?.match ?? 0),
    )
    .sort((a, b) => a - b);
  const agreed = matches[Math.floor((matches.length - 1) / 2)] ?? 0;
  if (agreed < leadership.firstIndex || agreed <= node.commitIndex) return;
  commitThrough(node, agreed);
}

/** When the lease ends unless more voters are heard. Infinite while we alone are a majority. */
export function leaseEndsAtMs(node: RaftNode): number {
  const { leadership } = node;
  if (leadership === undefined) return Number.POSITIVE_INFINITY;
  const contacts = voterIds(node)
    .map((id) =>
      id === node.self.id
        ? Number.POSITIVE_INFINITY
        : (leadership.progress.get(id)?.contactAtMs ?? Number.NEGATIVE_INFINITY),
    )
    .sort((a, b) => b - a);
  const quorum = Math.floor(contacts.length / 2);
  return (contacts[quorum] ?? Number.POSITIVE_INFINITY) + node.settings.leaderLeaseTimeoutMs;
}

/** Steps down when a majority of voters was not heard within the lease. */
export function checkLease(step: Step): void {
  const { node } = step;
  if (node.role !== 'leader' || node.nowMs < leaseEndsAtMs(node)) return;
  note(step, 'warn', 'failed to contact quorum of nodes, stepping down', { term: node.term });
  becomeFollower(step, node.term);
}

/** Starts a round of heartbeats that proves that we still lead. */
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
  leadership.verifications = [...leadership.verifications, { round: leadership.round, reply }];
  heartbeatAll(step);
}

/** Answers the verifications whose round a majority of voters has answered. */
export function settleVerifications(step: Step): void {
  const { node } = step;
  const { leadership } = node;
  if (leadership === undefined || leadership.verifications.length === 0) return;
  const rounds = voterIds(node)
    .map((id) =>
      id === node.self.id
        ? Number.POSITIVE_INFINITY
        : (leadership.progress.get(id)?.roundAnswered ?? 0),
    )
    .sort((a, b) => b - a);
  const proven = rounds[Math.floor(rounds.length / 2)] ?? 0;
  for (const verification of leadership.verifications) {
    if (verification.round > proven) continue;
    step.effects.push({ type: 'settle', reply: verification.reply, after: 0 });
  }
  leadership.verifications = leadership.verifications.filter((one) => one.round > proven);
}

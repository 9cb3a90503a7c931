/** Changes of role, and what is refused to those who are not leader. */

import { goTimeFromUnixMs } from '../../src/wire/msgpack/time.ts';
import { ENTRY_TYPE, type LogEntry } from '../../src/wire/raft/log-entry.ts';
import type { AnyReply, Leadership, RaftNode } from './node.ts';
import { followProgress } from './progress.ts';
import { appendEntries, heardLeader, note, type Step, saveHardState } from './step-base.ts';

/**
 * Follows in `term`. A newer term is persisted before anything is said in it; contact counts from
 * now, since stepping down is no reason to stand at once.
 */
export function becomeFollower(step: Step, term: number): void {
  const { node } = step;
  if (node.role === 'leader') endLeadership(step);
  const wasFollower = node.role === 'follower';
  node.role = 'follower';
  node.election = undefined;
  if (!wasFollower) heardLeader(step);
  if (term > node.term) {
    node.term = term;
    node.votedFor = '';
    node.leader = undefined;
    saveHardState(step);
  }
}

/** Leads from now on: announces itself, and appends an entry of its own term to commit by. */
export function becomeLeader(step: Step): void {
  const { node } = step;
  node.role = 'leader';
  node.election = undefined;
  node.leader = { id: node.self.id, address: node.self.address };
  node.leadership = {
    firstIndex: node.log.lastIndex + 1,
    progress: new Map(),
    verifications: [],
    round: 0,
    changes: [],
    transfer: undefined,
    leaseGivenUp: false,
  };
  followProgress(step);
  step.effects.push({ type: 'leadership.gained', term: node.term });
  note(step, 'info', 'leading', { term: node.term });
  appendEntries(step, [newEntry(node, ENTRY_TYPE.noop, null)]);
}

/** Ends what only a leader has. The role is the caller's to change. */
export function endLeadership(step: Step): void {
  const { node } = step;
  const leadership = node.leadership as Leadership;
  node.leadership = undefined;
  node.leader = undefined;
  note(step, 'info', 'no longer leading', { term: node.term });
  step.effects.push({ type: 'leadership.lost', term: node.term });
  step.effects.push({ type: 'abandon', error: 'leadership-lost' });
  const verifying = leadership.verifications.map((verification) => verification.reply);
  const changing = leadership.changes.map((change) => change.reply);
  refuse(step, [...verifying, ...changing], 'not-leader');
  if (leadership.transfer !== undefined) {
    step.effects.push({ type: 'settle', reply: leadership.transfer.reply, after: 0 });
  }
}

export function refuse(
  step: Step,
  replies: readonly AnyReply[],
  error: 'not-leader' | 'transfer-in-progress' | 'configuration' | 'transfer' | 'storage',
  text?: string,
): void {
  if (replies.length === 0) return;
  step.effects.push({ type: 'refuse', replies, error, ...(text !== undefined && { text }) });
}

/**
 * The leadership, when new work may be taken; else `undefined`, with the replies refused.
 */
export function leadingFor(step: Step, replies: readonly AnyReply[]): Leadership | undefined {
  const { leadership } = step.node;
  if (leadership === undefined) refuse(step, replies, 'not-leader');
  else if (leadership.transfer !== undefined) refuse(step, replies, 'transfer-in-progress');
  else if (step.node.restoring !== undefined) {
    step.effects.push({ type: 'refuse', replies, error: 'enqueue-timeout' });
  } else return leadership;
  return undefined;
}

export function newEntry(node: RaftNode, type: number, data: Uint8Array | null): LogEntry {
  return {
    Index: node.log.lastIndex + 1,
    Term: node.term,
    Type: type,
    Data: data,
    Extensions: null,
    AppendedAt: appendedAt(node),
  };
}

/** When a leader appends: informative, and new with library 1.3.0. As exact as the last timer. */
export function appendedAt({ nowMs, wallOffsetMs }: RaftNode): LogEntry['AppendedAt'] {
  return wallOffsetMs === undefined ? undefined : goTimeFromUnixMs(nowMs + wallOffsetMs);
}

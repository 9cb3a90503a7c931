/** How a leader brings its log to the others: probing, pipelining, snapshots, heartbeats. */

import { type AppendEntriesRequest, PROTOCOL_VERSION } from '../../src/wire/raft/messages.ts';
import {
  APPEND_BYTES_MAX,
  APPEND_ENTRIES_MAX,
  BACKOFF_BASE_MS,
  BACKOFF_ROUNDS_MAX,
  COMMIT_TIMEOUT_MS,
  IN_FLIGHT_MAX,
  SENT_AT_ONCE_MAX,
} from './limits.ts';
import type { Leadership, PeerAnswer, Progress, RaftNode } from './node.ts';
import { becomeFollower } from './roles.ts';
import { note, othersOf, randomSpanMs, type Step } from './step-base.ts';

/**
 * Sends servers that are about to be forgotten what they miss, once: who learns of its removal does
 * not stand for election.
 */
export function farewell(step: Step): void {
  const { node } = step;
  const kept = new Set(othersOf(node).map((server) => server.id));
  for (const [id, peer] of (node.leadership as Leadership).progress) {
    if (kept.has(id) || peer.mode === 'snapshot') continue;
    const prevTerm = node.log.termAt(peer.next - 1);
    if (prevTerm !== undefined && peer.next >= node.log.firstIndex)
      sendAppend(step, peer, prevTerm);
  }
}

/**
 * Sends every follower what it may be sent now. What is due next is due for all at the same time: a
 * leader wakes once for all of them.
 */
export function pumpAll(step: Step): void {
  const { node } = step;
  if (node.leadership === undefined) return;
  const commitAtMs = node.nowMs + randomSpanMs(step, COMMIT_TIMEOUT_MS);
  const heartbeatAtMs = nextHeartbeatAtMs(step);
  for (const peer of node.leadership.progress.values()) {
    pump(step, peer, heartbeatAtMs);
    if (peer.commitSent < node.commitIndex) peer.appendAtMs = Math.min(peer.appendAtMs, commitAtMs);
    if (node.nowMs >= peer.heartbeatAtMs) heartbeat(step, peer, heartbeatAtMs);
  }
}

function nextHeartbeatAtMs(step: Step): number {
  return step.node.nowMs + randomSpanMs(step, step.node.settings.heartbeatTimeoutMs / 10);
}

/** `idleAtMs`: when the next append is due that has nothing to tell. */
function pump(step: Step, peer: Progress, idleAtMs: number): void {
  const { node } = step;
  if (peer.mode === 'snapshot' || node.nowMs < peer.retryAtMs) return;
  const windowMax = windowOf(peer);
  const inFlightMax = Math.min(windowMax, peer.inFlight + SENT_AT_ONCE_MAX);
  while (peer.inFlight < inFlightMax) {
    const due = node.nowMs >= peer.appendAtMs && peer.inFlight === 0;
    if (peer.next > node.log.lastIndex && !due) return;
    const prevTerm = node.log.termAt(peer.next - 1);
    if (prevTerm === undefined || peer.next < node.log.firstIndex) {
      sendSnapshot(step, peer);
      return;
    }
    sendAppend(step, peer, prevTerm);
    peer.appendAtMs = idleAtMs;
  }
}

function windowOf(peer: Progress): number {
  return peer.mode === 'probe' ? 1 : IN_FLIGHT_MAX;
}

function sendAppend(step: Step, peer: Progress, prevTerm: number): void {
  const { node } = step;
  const body = sameAppend(step, peer.next) ?? appendBody(node, peer.next, prevTerm);
  const lastIndex = peer.next - 1 + (body.Entries?.length ?? 0);
  const { epoch } = peer;
  step.effects.push({
    type: 'send',
    to: peer.server,
    after: 0,
    message: { kind: 'append', term: node.term, epoch, sentAtMs: node.nowMs, lastIndex, body },
  });
  peer.inFlight += 1;
  peer.commitSent = node.commitIndex;
  if (peer.mode === 'pipeline') peer.next = lastIndex + 1;
}

function appendBody(node: RaftNode, next: number, prevTerm: number): AppendEntriesRequest {
  return {
    ProtocolVersion: PROTOCOL_VERSION,
    ID: node.self.id,
    Addr: node.self.address,
    Term: node.term,
    Leader: node.self.address,
    PrevLogEntry: next - 1,
    PrevLogTerm: prevTerm,
    Entries: node.log.slice(next, APPEND_ENTRIES_MAX, APPEND_BYTES_MAX),
    LeaderCommitIndex: node.commitIndex,
  };
}

/** Followers that are as far as each other get one and the same request: it is encoded once. */
function sameAppend({ node, effects }: Step, next: number): AppendEntriesRequest | undefined {
  for (const effect of effects) {
    if (effect.type !== 'send' || effect.message.kind !== 'append') continue;
    const { body } = effect.message;
    const same = body.PrevLogEntry === next - 1 && body.LeaderCommitIndex === node.commitIndex;
    if (same) return body;
  }
  return undefined;
}

function sendSnapshot(step: Step, peer: Progress): void {
  const { node } = step;
  peer.mode = 'snapshot';
  peer.epoch += 1;
  peer.inFlight = 1;
  note(step, 'info', 'sending a snapshot', { to: peer.server.id, next: peer.next });
  step.effects.push({
    type: 'send',
    to: peer.server,
    after: 0,
    message: { kind: 'snapshot', term: node.term, epoch: peer.epoch },
  });
}

/** Sends heartbeats now, of the newest verification round. */
export function heartbeatAll(step: Step): void {
  const { leadership } = step.node;
  const heartbeatAtMs = nextHeartbeatAtMs(step);
  for (const peer of leadership?.progress.values() ?? []) heartbeat(step, peer, heartbeatAtMs);
}

/** One at a time a follower: a round that is asked for meanwhile is sent when the answer is here. */
function heartbeat(step: Step, peer: Progress, heartbeatAtMs: number): void {
  const { node } = step;
  const leadership = node.leadership as Leadership;
  peer.heartbeatAtMs = heartbeatAtMs;
  if (peer.heartbeatInFlight) return;
  peer.heartbeatInFlight = true;
  peer.roundSent = leadership.round;
  const body: AppendEntriesRequest = {
    ProtocolVersion: PROTOCOL_VERSION,
    ID: node.self.id,
    Addr: node.self.address,
    Term: node.term,
    Leader: node.self.address,
    PrevLogEntry: 0,
    PrevLogTerm: 0,
    Entries: null,
    LeaderCommitIndex: 0,
  };
  step.effects.push({
    type: 'send',
    to: peer.server,
    after: 0,
    message: {
      kind: 'heartbeat',
      term: node.term,
      round: leadership.round,
      sentAtMs: node.nowMs,
      body,
    },
  });
}

/** What comes back from those who follow. */
type FollowerAnswer = Exclude<PeerAnswer, { readonly kind: 'vote' | 'pre-vote' }>;

/** What came of something that was sent to a follower. */
export function peerAnswered(step: Step, from: string, answer: FollowerAnswer): void {
  const { node } = step;
  const peer = node.leadership?.progress.get(from);
  if (answer.kind !== 'failed' && answer.response.Term > node.term) {
    note(step, 'info', 'a follower has a newer term', { from, term: answer.response.Term });
    becomeFollower(step, answer.response.Term);
    return;
  }
  if (peer === undefined || answer.term !== node.term) return;
  switch (answer.kind) {
    case 'append':
      peer.contactAtMs = node.nowMs;
      appendAnswered(step, peer, answer);
      return;
    case 'heartbeat':
      peer.contactAtMs = node.nowMs;
      heartbeatAnswered(step, peer, answer);
      return;
    case 'snapshot':
      peer.contactAtMs = node.nowMs;
      snapshotAnswered(step, peer, answer);
      return;
    case 'failed':
      peerFailed(step, peer, answer);
      return;
    default:
      answer satisfies never;
  }
}

function appendAnswered(
  step: Step,
  peer: Progress,
  answer: Extract<PeerAnswer, { kind: 'append' }>,
): void {
  const { node } = step;
  const current = answer.epoch === peer.epoch;
  if (answer.response.Success) peer.leaseFromMs = Math.max(peer.leaseFromMs, answer.sentAtMs);
  if (current) peer.inFlight = Math.max(0, peer.inFlight - 1);
  if (answer.response.Success) {
    // The follower answers when it is durable, so this holds whatever became of the connection.
    peer.match = Math.max(peer.match, answer.lastIndex);
    if (!current) return;
    peer.failures = 0;
    peer.next = Math.max(peer.next, peer.match + 1);
    peer.mode = 'pipeline';
    return;
  }
  if (!current) return;
  restartProbe(peer);
  const { LastLog } = answer.response;
  if (LastLog < peer.match) {
    // Its disk has forgotten what it had promised to keep: it must get that again, or it never ends.
    const to = peer.server.id;
    note(step, 'error', 'a follower has lost entries', { to, had: peer.match, has: LastLog });
    peer.match = LastLog;
  }
  const hint = Math.min(answer.prevIndex, LastLog + 1);
  peer.next = Math.max(hint, peer.match + 1, 1);
  if (answer.response.NoRetryBackoff) peer.failures = 0;
  else backOff(node, peer);
}

/** Forgets what is on its way: its answers belong to an older epoch. */
function restartProbe(peer: Progress): void {
  peer.mode = 'probe';
  peer.epoch += 1;
  peer.inFlight = 0;
  peer.appendAtMs = 0;
}

function backOff(node: RaftNode, peer: Progress): void {
  peer.failures += 1;
  peer.retryAtMs = node.nowMs + backoffMs(peer.failures);
}

/** 0 for the first failures, then 10 ms doubling to 10.24 s. */
export function backoffMs(failures: number): number {
  if (failures <= 2) return BACKOFF_BASE_MS;
  return BACKOFF_BASE_MS * 2 ** (Math.min(failures, BACKOFF_ROUNDS_MAX) - 2);
}

function heartbeatAnswered(
  step: Step,
  peer: Progress,
  answer: Extract<PeerAnswer, { kind: 'heartbeat' }>,
): void {
  const leadership = step.node.leadership as Leadership;
  peer.heartbeatInFlight = false;
  // It was away and is back: the pause that its absence had earned it would only hold up commits.
  if (peer.heartbeatFailures > 0) peer.retryAtMs = step.node.nowMs;
  peer.heartbeatFailures = 0;
  if (answer.response.Success) {
    peer.roundAnswered = Math.max(peer.roundAnswered, answer.round);
    peer.leaseFromMs = Math.max(peer.leaseFromMs, answer.sentAtMs);
  }
  if (peer.roundSent < leadership.round) heartbeat(step, peer, nextHeartbeatAtMs(step));
}

function snapshotAnswered(
  step: Step,
  peer: Progress,
  answer: Extract<PeerAnswer, { kind: 'snapshot' }>,
): void {
  if (answer.epoch !== peer.epoch) return;
  restartProbe(peer);
  if (!answer.response.Success) {
    note(step, 'warn', 'a follower refused the snapshot', { to: peer.server.id });
    backOff(step.node, peer);
    return;
  }
  peer.failures = 0;
  peer.match = Math.max(peer.match, answer.index);
  peer.next = peer.match + 1;
  note(step, 'info', 'a follower has the snapshot', { to: peer.server.id, index: answer.index });
}

function peerFailed(
  step: Step,
  peer: Progress,
  answer: Extract<PeerAnswer, { kind: 'failed' }>,
): void {
  const { node } = step;
  const { id } = peer.server;
  if (answer.of === 'heartbeat') {
    peer.heartbeatInFlight = false;
    peer.heartbeatFailures += 1;
    const capMs = node.settings.heartbeatTimeoutMs / 2;
    const waitMs = Math.min(backoffMs(peer.heartbeatFailures), capMs);
    peer.heartbeatAtMs = node.nowMs + Math.max(waitMs, capMs / 10);
    return;
  }
  if (answer.of === 'timeout-now') {
    const transfer = node.leadership?.transfer;
    if (transfer?.to === id) transferFailed(step, `failed to make TimeoutNow RPC to ${id}`, answer);
    return;
  }
  const replicating = answer.of === 'append' || answer.of === 'snapshot';
  if (!replicating || answer.epoch !== peer.epoch) return;
  restartProbe(peer);
  if (peer.match > 0) peer.next = peer.match + 1;
  backOff(node, peer);
  // Each power of two is a line, so that a dead peer is not one line a retry.
  if ((peer.failures & (peer.failures - 1)) === 0) {
    const { failures } = peer;
    note(step, 'warn', 'cannot replicate to a peer', { to: id, failures, error: answer.error });
  }
}

function transferFailed(
  step: Step,
  text: string,
  answer: Extract<PeerAnswer, { kind: 'failed' }>,
): void {
  const leadership = step.node.leadership as Leadership;
  const reply = leadership.transfer?.reply;
  leadership.transfer = undefined;
  if (reply === undefined) return;
  const why = `${text}: ${answer.error.message}`;
  step.effects.push({ type: 'refuse', replies: [reply], error: 'transfer', text: why });
}

/** When the leader has something to send next, if nothing happens before. */
export function nextSendAtMs({ log, nowMs }: RaftNode, leadership: Leadership): number {
  let next = Number.POSITIVE_INFINITY;
  for (const peer of leadership.progress.values()) {
    if (!peer.heartbeatInFlight) next = Math.min(next, peer.heartbeatAtMs);
    if (peer.mode === 'snapshot') continue;
    if (peer.inFlight === 0) next = Math.min(next, Math.max(peer.appendAtMs, peer.retryAtMs));
    const moreToSend = peer.next <= log.lastIndex && peer.inFlight < windowOf(peer);
    if (moreToSend) next = Math.min(next, Math.max(nowMs, peer.retryAtMs));
  }
  return next;
}

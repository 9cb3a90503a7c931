/**
 * Copies of what a step may change. Field by field: every step makes one, and a spread of an object
 * of so many fields, some of them fractions, costs as much as the rest of the step.
 */

import type { Election, Leadership, Progress, RaftNode } from './node.ts';

/** Says with a compile error which field a copy has forgotten, one that may be absent too. */
type Complete<T> = { readonly [Field in keyof T]-?: unknown };

/** A node that may be changed without the given one. */
export function copyOf(node: RaftNode): RaftNode {
  return {
    self: node.self,
    settings: node.settings,
    role: node.role,
    term: node.term,
    votedFor: node.votedFor,
    catchingUp: node.catchingUp,
    leader: node.leader,
    leaderGone: node.leaderGone,
    log: node.log,
    configurations: node.configurations,
    commitIndex: node.commitIndex,
    applyingIndex: node.applyingIndex,
    appliedIndex: node.appliedIndex,
    persistIssued: node.persistIssued,
    persistDone: node.persistDone,
    hardStateIssued: node.hardStateIssued,
    persistIndex: node.persistIndex,
    persistPending: node.persistPending,
    storage: node.storage,
    nowMs: node.nowMs,
    wallOffsetMs: node.wallOffsetMs,
    contactAtMs: node.contactAtMs,
    electionAtMs: node.electionAtMs,
    votesFromMs: node.votesFromMs,
    snapshotAtMs: node.snapshotAtMs,
    snapshotsTaking: node.snapshotsTaking,
    installing: node.installing,
    restoring: node.restoring,
    random: node.random,
    election: node.election && copyOfElection(node.election),
    leadership: node.leadership && copyOfLeadership(node.leadership),
  } satisfies Complete<RaftNode>;
}

function copyOfElection({ stage, granted, selfAfter }: Election): Election {
  return { stage, granted: new Set(granted), selfAfter } satisfies Complete<Election>;
}

function copyOfLeadership(leadership: Leadership): Leadership {
  const progress = new Map<string, Progress>();
  for (const [id, peer] of leadership.progress) progress.set(id, copyOfProgress(peer));
  return {
    firstIndex: leadership.firstIndex,
    progress,
    verifications: leadership.verifications,
    round: leadership.round,
    changes: leadership.changes,
    transfer: leadership.transfer && { ...leadership.transfer },
    leaseGivenUp: leadership.leaseGivenUp,
  } satisfies Complete<Leadership>;
}

function copyOfProgress(peer: Progress): Progress {
  return {
    server: peer.server,
    match: peer.match,
    next: peer.next,
    mode: peer.mode,
    inFlight: peer.inFlight,
    epoch: peer.epoch,
    contactAtMs: peer.contactAtMs,
    leaseFromMs: peer.leaseFromMs,
    failures: peer.failures,
    retryAtMs: peer.retryAtMs,
    appendAtMs: peer.appendAtMs,
    commitSent: peer.commitSent,
    heartbeatAtMs: peer.heartbeatAtMs,
    heartbeatInFlight: peer.heartbeatInFlight,
    heartbeatFailures: peer.heartbeatFailures,
    roundSent: peer.roundSent,
    roundAnswered: peer.roundAnswered,
  } satisfies Complete<Progress>;
}

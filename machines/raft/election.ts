/** Elections: asking before, standing for one, voting in one. (Raft paper 5.2, thesis 9.6) */

import { isVoter } from '../../src/consensus/configuration.ts';
import type {
  RequestPreVoteRequest,
  RequestPreVoteResponse,
  RequestVoteRequest,
  RequestVoteResponse,
} from '../../src/wire/raft/messages.ts';
import type { Election, PeerAnswer, PeerMessage, RaftNode } from './node.ts';
import { becomeFollower, becomeLeader } from './roles.ts';
import {
  headerOf,
  heardLeader,
  latestConfiguration,
  note,
  othersOf,
  randomSpanMs,
  type Step,
  saveHardState,
  voterIds,
} from './step-base.ts';

/**
 * Asks who would vote for us in the next term, and changes nothing meanwhile: who was cut off and
 * comes back must not unseat a leader that the others hear. (Raft thesis 9.6)
 */
function canvass(step: Step): void {
  const { node } = step;
  beginCandidacy(step, 'canvass');
  node.electionAtMs = node.nowMs + randomSpanMs(step, node.settings.electionTimeoutMs);
  note(step, 'info', 'asking who would vote for us', { term: node.term + 1 });
  const { lastIndex, lastTerm } = node.log;
  const term = node.term + 1;
  const body = { ...headerOf(node), Term: term, LastLogIndex: lastIndex, LastLogTerm: lastTerm };
  const message = { kind: 'pre-vote', term, request: { rpc: 'request-pre-vote', body } } as const;
  // A term that is not durable yet must not be spoken of.
  sendVoters(step, message, node.hardStateIssued);
}

/** Stands for election in the next term. `transfer`: the leader has asked for it. */
export function stand(step: Step, reason: 'timeout' | 'transfer'): void {
  const { node } = step;
  node.term += 1;
  node.votedFor = node.self.address;
  saveHardState(step);
  beginCandidacy(step, 'vote');
  node.electionAtMs = node.nowMs + randomSpanMs(step, node.settings.electionTimeoutMs);
  note(step, 'info', 'standing for election', { term: node.term, reason });
  const body: RequestVoteRequest = {
    ...headerOf(node),
    Term: node.term,
    Candidate: node.self.address,
    LastLogIndex: node.log.lastIndex,
    LastLogTerm: node.log.lastTerm,
    LeadershipTransfer: reason === 'transfer',
  };
  const request = { rpc: 'request-vote', body } as const;
  sendVoters(step, { kind: 'vote', term: node.term, request }, node.persistIssued);
}

function beginCandidacy(step: Step, stage: Election['stage']): void {
  const { node } = step;
  node.role = 'candidate';
  node.leader = undefined;
  node.leaderGone = false;
  node.election = { stage, granted: new Set(), selfAfter: node.persistIssued };
}

function sendVoters(step: Step, message: PeerMessage, after: number): void {
  for (const server of othersOf(step.node)) {
    if (server.suffrage !== 'voter') continue;
    step.effects.push({ type: 'send', to: server, after, message });
  }
}

export function ableToStand({ storage, installing, catchingUp }: RaftNode): boolean {
  return storage === 'ready' && installing === undefined && !catchingUp;
}

/** Nothing was heard of a leader for long enough. */
export function electionDue(step: Step): void {
  const { node } = step;
  if (!ableToStand(node) || !mayStand(node, node.self.id)) {
    // Watching goes on without a leader; there is nobody to elect, or it is not ours to do.
    node.leader = undefined;
    node.electionAtMs = node.nowMs + randomSpanMs(step, node.settings.heartbeatTimeoutMs);
    return;
  }
  if (node.role === 'follower') {
    note(step, 'warn', node.leaderGone ? 'leader is gone' : 'heartbeat timeout reached', {
      leader: node.leader?.address ?? '',
      term: node.term,
    });
  }
  canvass(step);
}

/**
 * The process of the leader is gone: its connections broke, and nobody listens there. That is known
 * long before the heartbeat timeout. What the leader may have promised within its lease still holds.
 */
export function leaderGone(step: Step, address: string): void {
  const { node } = step;
  if (node.role !== 'follower' || node.leader?.address !== address || node.leaderGone) return;
  node.leaderGone = true;
  const leaseEndsMs = (node.contactAtMs ?? node.nowMs) + node.settings.leaderLeaseTimeoutMs;
  const turnAtMs = Math.max(node.nowMs, leaseEndsMs) + turnMs(node, node.leader.id);
  node.electionAtMs = Math.min(node.electionAtMs, turnAtMs);
  note(step, 'info', 'nobody listens any more at the address of the leader', { address });
}

/**
 * How long others may stand before us. All followers see at once that the leader is gone, and would
 * divide the votes: by the order of their IDs each has a turn of its own, the last one before the
 * heartbeat timeout.
 */
function turnMs(node: RaftNode, leader: string): number {
  const { heartbeatTimeoutMs, leaderLeaseTimeoutMs } = node.settings;
  const voters = voterIds(node);
  const before = voters.filter((id) => id !== leader && id < node.self.id).length;
  // Who has just joined may have heard of no voter yet.
  return (before * (heartbeatTimeoutMs - leaderLeaseTimeoutMs)) / Math.max(1, voters.length);
}

/**
 * Whether another leader than `candidate` is to be taken for alive: heard within the shortest time
 * after which anybody may stand, or, when its process is gone, within its lease. Who was restarted
 * has forgotten what it answered, and whom.
 */
function ledByOther(node: RaftNode, candidate: string): boolean {
  const { leader, role, contactAtMs, settings } = node;
  if (node.nowMs < node.votesFromMs) return true;
  if (leader === undefined || leader.address === candidate) return false;
  if (role === 'leader') return true;
  const protectedMs = node.leaderGone ? settings.leaderLeaseTimeoutMs : settings.heartbeatTimeoutMs;
  return contactAtMs === undefined || node.nowMs < contactAtMs + protectedMs;
}

/**
 * Voters of the newest configuration may stand, and of the one before while the newest is not known
 * to be committed: who is being removed may be the only one to bring that about. (Raft thesis 4.2.2)
 */
function mayStand(node: RaftNode, id: string): boolean {
  return node.configurations.slice(-2).some((one) => isVoter(one.configuration, id));
}

/** An answer to a request for a vote. */
export function voteAnswered(
  step: Step,
  from: string,
  answer: Extract<PeerAnswer, { kind: 'vote' }>,
): void {
  const { node } = step;
  if (answer.response.Term > node.term) {
    becomeFollower(step, answer.response.Term);
    return;
  }
  if (node.election?.stage !== 'vote' || answer.term !== node.term) return;
  if (answer.response.Granted) node.election.granted.add(from);
}

/**
 * An answer to who would vote. A peer that does not know the question has nothing against us: it is
 * asked for its vote. Who refuses may echo the term that we asked for; only a newer one is news.
 */
export function preVoteAnswered(
  step: Step,
  from: string,
  answer: Extract<PeerAnswer, { kind: 'pre-vote' }>,
): void {
  const { node } = step;
  const { response } = answer;
  if (response !== undefined && response.Term > answer.term && response.Term > node.term) {
    becomeFollower(step, response.Term);
    return;
  }
  if (node.election?.stage !== 'canvass' || answer.term !== node.term + 1) return;
  if (response === undefined || response.Granted) node.election.granted.add(from);
}

/**
 * A majority that would vote is asked to; a majority that has voted makes us leader. Our own vote
 * counts when durable.
 */
export function countVotes(step: Step): void {
  const { node } = step;
  if (node.election?.stage === 'canvass' && hasMajority(node)) stand(step, 'timeout');
  if (node.election?.stage === 'vote' && hasMajority(node)) becomeLeader(step);
}

function hasMajority(node: RaftNode): boolean {
  const election = node.election as Election;
  if (node.persistDone >= election.selfAfter) election.granted.add(node.self.id);
  const voters = voterIds(node);
  const granted = voters.filter((id) => election.granted.has(id)).length;
  return granted * 2 > voters.length;
}

/**
 * A candidate asks for our vote. The refusals come in the order of hashicorp/raft, with one
 * exception: who is no voter for us may be one in a configuration that we have not got yet, so only
 * a log that is no newer than ours makes it a stranger. (Raft thesis 4.1)
 */
export function voteRequested(step: Step, body: RequestVoteRequest): RequestVoteResponse {
  const { node } = step;
  const refuse = (): RequestVoteResponse => ({
    ...headerOf(node),
    Term: node.term,
    Peers: null,
    Granted: false,
  });
  const candidate = body.Addr || body.Candidate;
  const { servers } = latestConfiguration(node);
  const { lastIndex, lastTerm } = node.log;
  const newer =
    body.LastLogTerm > lastTerm || (body.LastLogTerm === lastTerm && body.LastLogIndex > lastIndex);
  const stranger = servers.length > 0 && body.ID && !mayStand(node, body.ID);
  if (stranger && !newer) return refuse();
  if (!body.LeadershipTransfer && ledByOther(node, candidate)) return refuse();
  if (body.Term < node.term) return refuse();
  if (body.Term > node.term) becomeFollower(step, body.Term);
  if (node.votedFor !== '') {
    return node.votedFor === candidate ? { ...refuse(), Granted: true } : refuse();
  }
  const equal = body.LastLogTerm === lastTerm && body.LastLogIndex === lastIndex;
  if (!newer && !equal) return refuse();
  if (mayHaveForgotten(step, body)) return refuse();
  // Whoever votes for the first leader has promised nothing before; from now on it remembers.
  node.catchingUp = false;
  node.votedFor = candidate;
  saveHardState(step);
  heardLeader(step);
  return { ...refuse(), Granted: true };
}

/** Whether a vote would be given, without giving it: so library 1.7 and newer ask before. */
export function preVoteRequested(step: Step, body: RequestPreVoteRequest): RequestPreVoteResponse {
  const { node } = step;
  const { servers } = latestConfiguration(node);
  const { lastIndex, lastTerm } = node.log;
  const newer =
    body.LastLogTerm > lastTerm || (body.LastLogTerm === lastTerm && body.LastLogIndex > lastIndex);
  const equal = body.LastLogTerm === lastTerm && body.LastLogIndex === lastIndex;
  const stranger = servers.length > 0 && !mayStand(node, body.ID ?? '') && !newer;
  const led = ledByOther(node, body.Addr ?? '');
  const eligible = !stranger && !led && (newer || equal) && body.Term >= node.term;
  const granted = eligible && !mayHaveForgotten(step, body);
  if (granted) giveWay(step);
  const Term = granted ? body.Term : node.term;
  return { ...headerOf(node), Term, Granted: granted };
}

/**
 * Whether we may have promised to keep entries that the candidate lacks, and do not know it any
 * more: our disk was empty. Only the first leader of a group, whose log is nothing but the first
 * configuration, needs votes of servers that have nothing.
 */
function mayHaveForgotten(
  step: Step,
  { LastLogIndex, LastLogTerm, Term }: { LastLogIndex: number; LastLogTerm: number; Term: number },
): boolean {
  const founding = LastLogIndex <= 1 && LastLogTerm <= 1;
  if (!step.node.catchingUp || founding) return false;
  note(step, 'warn', 'no vote: this server started without a log, and has not caught up since', {
    term: Term,
  });
  return true;
}

/** Who asked first stands first: two at once would only take votes from each other. */
function giveWay(step: Step): void {
  const { node } = step;
  if (node.role !== 'follower') return;
  const waitMs = randomSpanMs(step, node.settings.heartbeatTimeoutMs / 10);
  node.electionAtMs = Math.max(node.electionAtMs, node.nowMs + waitMs);
}

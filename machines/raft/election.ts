/** Elections: standing for one, voting in one, and becoming a follower again. (Raft paper 5.2) */

import { isVoter } from '../../src/consensus/configuration.ts';
import type {
  RequestPreVoteRequest,
  RequestPreVoteResponse,
  RequestVoteRequest,
  RequestVoteResponse,
} from '../../src/wire/raft/messages.ts';
import type { PeerAnswer, RaftNode } from './node.ts';
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

/** Stands for election in the next term. `transfer`: the leader has asked for it. */
export function stand(step: Step, reason: 'timeout' | 'transfer'): void {
  const { node } = step;
  node.role = 'candidate';
  node.leader = undefined;
  node.term += 1;
  node.votedFor = node.self.address;
  node.electionAtMs = node.nowMs + randomSpanMs(step, node.settings.electionTimeoutMs);
  saveHardState(step);
  node.election = {
    granted: new Set(),
    selfAfter: node.persistIssued,
    transfer: reason === 'transfer',
  };
  note(step, 'info', 'standing for election', { term: node.term, reason });
  const body: RequestVoteRequest = {
    ...headerOf(node),
    Term: node.term,
    Candidate: node.self.address,
    LastLogIndex: node.log.lastIndex,
    LastLogTerm: node.log.lastTerm,
    LeadershipTransfer: reason === 'transfer',
  };
  for (const server of othersOf(node)) {
    if (server.suffrage !== 'voter') continue;
    step.effects.push({
      type: 'send',
      to: server,
      after: node.persistIssued,
      message: { kind: 'vote', term: node.term, request: { rpc: 'request-vote', body } },
    });
  }
}

/** Nothing was heard of a leader for long enough. */
export function electionDue(step: Step): void {
  const { node } = step;
  const able = node.storage === 'ready' && node.installing === undefined;
  if (!able || !mayStand(node, node.self.id)) {
    // Watching goes on without a leader; there is nobody to elect, or it is not ours to do.
    node.leader = undefined;
    node.electionAtMs = node.nowMs + randomSpanMs(step, node.settings.heartbeatTimeoutMs);
    return;
  }
  if (node.role === 'follower') {
    note(step, 'warn', 'heartbeat timeout reached', {
      leader: node.leader?.address ?? '',
      term: node.term,
    });
  }
  stand(step, 'timeout');
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
  if (node.role !== 'candidate' || answer.term !== node.term || !answer.response.Granted) return;
  node.election?.granted.add(from);
}

/** Becomes leader once a majority of the voters has granted. Our own vote counts when durable. */
export function countVotes(step: Step): void {
  const { node } = step;
  const { election } = node;
  if (node.role !== 'candidate' || election === undefined) return;
  if (node.persistDone >= election.selfAfter) election.granted.add(node.self.id);
  const voters = voterIds(node);
  const granted = voters.filter((id) => election.granted.has(id)).length;
  if (granted * 2 > voters.length) becomeLeader(step);
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
  if (node.leader !== undefined && node.leader.address !== candidate && !body.LeadershipTransfer) {
    return refuse();
  }
  if (body.Term < node.term) return refuse();
  if (body.Term > node.term) becomeFollower(step, body.Term);
  if (node.votedFor !== '') {
    return node.votedFor === candidate ? { ...refuse(), Granted: true } : refuse();
  }
  const equal = body.LastLogTerm === lastTerm && body.LastLogIndex === lastIndex;
  if (!newer && !equal) return refuse();
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
  const led = node.leader !== undefined && node.leader.address !== body.Addr;
  const granted = !stranger && !led && (newer || equal) && body.Term >= node.term;
  const Term = granted ? body.Term : node.term;
  return { ...headerOf(node), Term, Granted: granted };
}

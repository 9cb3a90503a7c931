/** Groups, logs and requests as the scenarios of the Raft paper and thesis need them. */

import { consulSettings } from '../../../machines/raft/limits.ts';
import { LogView } from '../../../machines/raft/log-view.ts';
import type { Effect, PeerAnswer, RaftNode } from '../../../machines/raft/node.ts';
import { startNode, stepNode } from '../../../machines/raft/step.ts';
import { EMPTY_CONFIGURATION } from '../../../src/consensus/configuration.ts';
import { encodeConfiguration } from '../../../src/wire/raft/configuration.ts';
import type { LogEntry } from '../../../src/wire/raft/log-entry.ts';
import type { RaftRequest, RaftResponse } from '../../../src/wire/raft/messages.ts';
import { ModelCluster } from './model-cluster.ts';

export function cluster(size: number, bootstrapped = size): ModelCluster {
  const made = new ModelCluster({ seed: 42, servers: size });
  for (const server of made.servers) made.start(server);
  const members = made.servers.slice(0, bootstrapped);
  for (const server of members) made.bootstrap(server, members);
  made.run(10_000, () => made.leader() !== undefined && committedNoop(made));
  return made;
}

function committedNoop(made: ModelCluster): boolean {
  const node = made.leader()?.node;
  return (node?.commitIndex ?? 0) >= (node?.leadership?.firstIndex ?? 1);
}

export function leaderOf(made: ModelCluster) {
  const leader = made.leader();
  if (leader?.node === undefined) throw new Error('no leader');
  return leader;
}

export function othersOf(made: ModelCluster) {
  const leader = leaderOf(made);
  return made.servers.filter((server) => server !== leader);
}

export function isolate(made: ModelCluster, id: string): void {
  for (const other of made.servers) {
    if (other.id === id) continue;
    made.faults.cut.add(`${id}>${other.id}`);
    made.faults.cut.add(`${other.id}>${id}`);
  }
}

const CONFIGURATION = {
  servers: ['a', 'b', 'c'].map((id) => ({
    suffrage: 'voter' as const,
    id,
    address: `${id}:8300`,
  })),
};

export function entries(terms: readonly number[]): LogEntry[] {
  return terms.map((Term, at) => ({
    Index: at + 1,
    Term,
    Type: at === 0 ? 5 : 0,
    Data: at === 0 ? encodeConfiguration(CONFIGURATION) : Buffer.from(`${at + 1}`),
    Extensions: null,
    AppendedAt: undefined,
  }));
}

/** Longer than a server that was restarted keeps its vote back. */
const UP_MS = 10_000;

/** Server `a`, up for a while, with a log of these terms. */
export function node(terms: readonly number[], term: number): RaftNode {
  const { node: started } = startNode({
    self: { id: 'a', address: 'a:8300' },
    settings: consulSettings(1),
    seed: 1,
    nowMs: 0,
    stored: {
      hardState: { term, votedFor: '' },
      log: LogView.from({ index: 0, term: 0 }, entries(terms)),
      configuration: { index: 0, configuration: EMPTY_CONFIGURATION },
    },
  });
  return { ...started, nowMs: UP_MS };
}

export interface Asked {
  readonly node: RaftNode;
  readonly response: RaftResponse['body'] | undefined;
  readonly error: string;
  readonly effects: readonly Effect[];
}

export function ask(on: RaftNode, request: RaftRequest): Asked {
  const requests = [{ ticket: 1, request }];
  const stepped = stepNode(on, { type: 'requests.received', nowMs: on.nowMs + 1, requests });
  const answer = stepped.effects.find((effect) => effect.type === 'answer');
  const given = answer?.type === 'answer' ? answer : undefined;
  return { ...stepped, response: given?.response?.body, error: given?.error ?? '' };
}

/** A request for entries from `b` in term 5, with some fields as given. */
export function append(fields: Partial<Extract<RaftRequest, { rpc: 'append-entries' }>['body']>) {
  const body = {
    ProtocolVersion: 3,
    ID: 'b',
    Addr: 'b:8300',
    Term: 5,
    Leader: 'b:8300',
    PrevLogEntry: 0,
    PrevLogTerm: 0,
    Entries: [] as LogEntry[],
    LeaderCommitIndex: 0,
    ...fields,
  };
  return { rpc: 'append-entries' as const, body };
}

/** `b` asks for a vote in term 5 with a log up to 9 of term 4; some fields as given. */
export function vote(fields: Partial<Extract<RaftRequest, { rpc: 'request-vote' }>['body']>) {
  const body = {
    ProtocolVersion: 3,
    ID: 'b',
    Addr: 'b:8300',
    Term: 5,
    Candidate: 'b:8300',
    LastLogIndex: 9,
    LastLogTerm: 4,
    LeadershipTransfer: false,
    ...fields,
  };
  return { rpc: 'request-vote' as const, body };
}

/** `b` asks whether it would get a vote, as `vote` does for one. */
export function preVote(
  fields: Partial<Extract<RaftRequest, { rpc: 'request-pre-vote' }>['body']>,
) {
  const body = {
    ProtocolVersion: 3,
    ID: 'b',
    Addr: 'b:8300',
    Term: 5,
    LastLogIndex: 9,
    LastLogTerm: 4,
    ...fields,
  };
  return { rpc: 'request-pre-vote' as const, body };
}

/** A step on which everything handed to the disk so far is durable. */
export function allDurable(on: RaftNode): RaftNode {
  const { nowMs, persistIssued: sequence } = on;
  return stepNode(on, { type: 'storage.persisted', nowMs, sequence }).node;
}

/** Time passes until the node would stand. */
export function electionDue(on: RaftNode): RaftNode {
  return stepNode(on, { type: 'clock.reached', nowMs: on.electionAtMs, wallMs: 0 }).node;
}

/** What came back from `from`, in the term that the node is in unless it says otherwise. */
export function answered(on: RaftNode, from: string, answer: object, nowMs = on.nowMs): RaftNode {
  const answers = [{ from, answer: { term: on.term, ...answer } as PeerAnswer }];
  return stepNode(on, { type: 'answers.received', nowMs, answers }).node;
}

/** Node `a` leads in the term after `term`; its Noop is durable here and nowhere else. */
export function elected(terms: readonly number[], term: number): RaftNode {
  const header = { ProtocolVersion: 3, ID: 'b', Addr: 'b:8300' };
  const granted = { ...header, Term: term + 1, Peers: null, Granted: true };
  const asking = electionDue(node(terms, term));
  const standing = answered(asking, 'b', { kind: 'pre-vote', term: term + 1, response: granted });
  return allDurable(answered(allDurable(standing), 'b', { kind: 'vote', response: granted }));
}

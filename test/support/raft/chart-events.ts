/** Inputs of a raft node as they come in life, for tests of its chart. */

import { consulSettings } from '../../../machines/raft/limits.ts';
import { LogView } from '../../../machines/raft/log-view.ts';
import type { RaftNode } from '../../../machines/raft/node.ts';
import type { RaftContext, RaftEvent } from '../../../machines/raft/raft.ts';
import { EMPTY_CONFIGURATION } from '../../../src/consensus/configuration.ts';
import { encodeConfiguration } from '../../../src/wire/raft/configuration.ts';

const reply = { answer: () => {}, refuse: () => {} };
const server = (id: string) => ({ suffrage: 'voter', id, address: `10.0.0.${id}:8300` }) as const;
const BOTH = { servers: [server('1'), server('2')] };
const header = { ProtocolVersion: 3, ID: '2', Addr: '10.0.0.2:8300' };

const OPENED = {
  type: 'storage.opened',
  nowMs: 0,
  stored: {
    hardState: { term: 0, votedFor: '' },
    log: LogView.empty,
    configuration: { index: 0, configuration: EMPTY_CONFIGURATION },
  },
};

function append(node: RaftNode, without: 'us' | 'nobody'): object {
  const configuration = without === 'us' ? { servers: [server('2')] } : BOTH;
  const entry = {
    Index: node.log.lastIndex + 1,
    Term: node.term + 1,
    Type: 5,
    Data: encodeConfiguration(configuration),
    Extensions: null,
    AppendedAt: undefined,
  };
  const body = {
    ...header,
    Term: node.term + 1,
    Leader: '10.0.0.2:8300',
    PrevLogEntry: node.log.lastIndex,
    PrevLogTerm: node.log.lastTerm,
    Entries: [entry],
    LeaderCommitIndex: 0,
  };
  return request(node, { rpc: 'append-entries', body });
}

function request(node: RaftNode, what: object): object {
  const requests = [{ ticket: 7, request: what }];
  return { type: 'requests.received', nowMs: node.nowMs, requests };
}

function install(node: RaftNode): object {
  const body = {
    ...header,
    SnapshotVersion: 1,
    Term: node.term + 1,
    Leader: '10.0.0.2:8300',
    LastLogIndex: node.log.lastIndex + 10,
    LastLogTerm: 1,
    Peers: null,
    Configuration: encodeConfiguration(BOTH),
    ConfigurationIndex: 1,
    Size: 0,
  };
  return request(node, { rpc: 'install-snapshot', body });
}

/** Everything that makes sense to try on a node. */
function inputs(node: RaftNode): readonly object[] {
  const nowMs = node.nowMs;
  const at = { index: node.log.lastIndex + 10, term: 1 };
  const vote = { ...header, Term: node.term, Peers: null, Granted: true };
  const match = node.log.lastIndex;
  const appended = { ...header, Term: node.term, LastLog: 0, Success: true, NoRetryBackoff: false };
  const answers = (answer: object) => ({
    type: 'answers.received',
    nowMs,
    answers: [{ from: '2', answer: { term: node.term, ...answer } }],
  });
  return [
    { type: 'cluster.bootstrap', configuration: BOTH, reply },
    { type: 'clock.reached', nowMs: node.electionAtMs, wallMs: 0 },
    { type: 'storage.persisted', nowMs, sequence: node.persistIssued },
    { type: 'storage.failed', nowMs, error: new Error('no space') },
    { type: 'storage.recovered', nowMs },
    { type: 'leadership.transfer', to: null, reply },
    append(node, 'us'),
    append(node, 'nobody'),
    install(node),
    { type: 'snapshot.refused', nowMs, ticket: 7, error: 'short read' },
    {
      type: 'snapshot.installed',
      nowMs,
      ticket: 7,
      at,
      configuration: { index: 1, configuration: BOTH },
    },
    answers({
      kind: 'pre-vote',
      term: node.term + 1,
      response: { ...header, Term: node.term + 1, Granted: true },
    }),
    answers({ kind: 'vote', response: vote }),
    answers({ kind: 'append', epoch: 0, prevIndex: 0, lastIndex: match, response: appended }),
  ];
}

/** What a raft node is started with in tests of its chart. */
export const MODEL_INPUT = {
  self: { id: '1', address: '10.0.0.1:8300' },
  settings: consulSettings(1),
  seed: 1,
};

/** Everything that makes sense to try in a situation of the chart. */
export function eventsOf({ node }: RaftContext): readonly RaftEvent[] {
  return [
    OPENED,
    { type: 'storage.unreadable', error: new Error('damaged') },
    { type: 'raft.stop', reply },
    { type: 'shutdown' },
    { type: 'raft.accepted', stream: undefined },
    { type: 'proposals.submitted', proposals: [], reply },
    ...(node === undefined ? [] : inputs(node)),
  ] as never;
}

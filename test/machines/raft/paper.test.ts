/** Scenarios by section of the Raft paper (extended version) and of the thesis. */

import { describe, expect, it } from 'vitest';
import type { RaftNode } from '../../../machines/raft/node.ts';
import { stepNode } from '../../../machines/raft/step.ts';
import { encodeConfiguration } from '../../../src/wire/raft/configuration.ts';
import type { LogEntry } from '../../../src/wire/raft/log-entry.ts';
import { ModelCluster } from '../../support/raft/model-cluster.ts';
import {
  append,
  ask,
  cluster,
  entries,
  isolate,
  leaderOf,
  node,
  othersOf,
  vote,
} from '../../support/raft/scenes.ts';

describe('5.1 terms', () => {
  it('a request of an older term is refused with ours', () => {
    const { response, node: after } = ask(node([1, 2], 7), append({ Term: 6 }));
    expect(response).toMatchObject({ Success: false, Term: 7 });
    expect(after.leader).toBeUndefined();
  });

  it('a newer term is persisted before it is answered', () => {
    const { effects, node: after } = ask(
      node([1, 2], 3),
      append({ Term: 9, PrevLogEntry: 2, PrevLogTerm: 2 }),
    );
    const persist = effects.find((effect) => effect.type === 'persist');
    const answer = effects.find((effect) => effect.type === 'answer');
    expect(persist).toMatchObject({ hardState: { term: 9, votedFor: '' } });
    expect(answer?.type === 'answer' && answer.after).toBe(after.persistIssued);
  });
});

describe('5.2 leader election', () => {
  it('a server without configuration never stands, one alone elects itself', () => {
    const none = new ModelCluster({ seed: 1, servers: 1 });
    const [server] = none.servers;
    if (server === undefined) throw new Error('no server');
    none.start(server);
    expect(none.run(30_000, () => server.node?.role !== 'follower')).toBe(false);
    none.bootstrap(server, none.servers);
    expect(none.run(100, () => server.node?.role === 'leader')).toBe(true);
  });

  it('votes once a term, and again only for the same candidate', () => {
    const first = ask(node([1, 4], 4), vote({}));
    expect(first.response).toMatchObject({ Granted: true, Term: 5 });
    const other = ask(first.node, vote({ ID: 'c', Addr: 'c:8300', Candidate: 'c:8300' }));
    expect(other.response).toMatchObject({ Granted: false });
    expect(ask(first.node, vote({})).response).toMatchObject({ Granted: true });
  });

  it('a vote request is refused, and its term not adopted, while a leader is known', () => {
    const led = ask(node([1, 4], 4), append({ Term: 4, PrevLogEntry: 2, PrevLogTerm: 4 })).node;
    const third = vote({ ID: 'c', Addr: 'c:8300', Candidate: 'c:8300', Term: 9 });
    const refused = ask(led, third);
    expect(refused.response).toMatchObject({ Granted: false, Term: 4 });
    expect(refused.node.term).toBe(4);
    const transferred = ask(led, { ...third, body: { ...third.body, LeadershipTransfer: true } });
    expect(transferred.response).toMatchObject({ Granted: true, Term: 9 });
  });

  it('a leader that is cut off steps down within its lease; the majority elects another', () => {
    const made = cluster(3);
    const old = leaderOf(made);
    isolate(made, old.id);
    expect(made.run(800, () => old.node?.role !== 'leader')).toBe(true);
    expect(made.run(10_000, () => made.leader() !== undefined)).toBe(true);
    expect(made.leader()?.id).not.toBe(old.id);
  });
});

describe('5.3 log replication', () => {
  it('the logs of figure 7 all become the leader\u2019s', () => {
    const leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const followers = [
      [1, 1, 1, 4, 4, 5, 5, 6, 6],
      [1, 1, 1, 4],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      [1, 1, 1, 4, 4, 4, 4],
      [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    for (const terms of followers) {
      const made = new ModelCluster({ seed: 3, servers: 2 });
      const members = made.servers.map(({ id, address }) => ({
        suffrage: 'voter' as const,
        id,
        address,
      }));
      const [one, two] = made.servers;
      if (one === undefined || two === undefined) throw new Error('two servers');
      const first = {
        ...(entries([1])[0] as LogEntry),
        Data: encodeConfiguration({ servers: members }),
      };
      one.disk.entries = [first, ...entries(leader).slice(1)];
      two.disk.entries = [first, ...entries(terms).slice(1)];
      one.disk.hardState = { term: 8, votedFor: '' };
      two.disk.hardState = { term: 7, votedFor: '' };
      made.start(one);
      made.start(two);
      const agree = (): boolean => {
        const node = made.leader()?.node;
        const last = node?.log.lastIndex ?? 0;
        return last > 10 && made.servers.every((server) => server.node?.commitIndex === last);
      };
      expect(made.run(20_000, agree)).toBe(true);
      expect(two.node?.log.entries().map((entry) => entry.Term)).toEqual(
        one.node?.log.entries().map((entry) => entry.Term),
      );
    }
  });

  it('LastLog is from before the append, and a shorter repetition takes nothing away', () => {
    const more = entries([1, 4, 4, 4]);
    const first = ask(
      node([1], 4),
      append({ Term: 4, PrevLogEntry: 1, PrevLogTerm: 1, Entries: more.slice(1) }),
    );
    expect(first.response).toMatchObject({ Success: true, LastLog: 1 });
    const again = ask(
      first.node,
      append({ Term: 4, PrevLogEntry: 1, PrevLogTerm: 1, Entries: more.slice(1, 2) }),
    );
    expect(again.response).toMatchObject({ Success: true, LastLog: 4 });
    expect(again.node.log.lastIndex).toBe(4);
  });

  it('commits no further than what the request has shown to agree', () => {
    const on = node([1, 4, 4], 4);
    const { node: after } = ask(
      on,
      append({ Term: 5, PrevLogEntry: 1, PrevLogTerm: 1, LeaderCommitIndex: 3 }),
    );
    expect(after.commitIndex).toBe(1);
  });

  it('refuses a place it has not, or has otherwise, for a try at once further back', () => {
    const missing = append({ PrevLogEntry: 9, PrevLogTerm: 4 });
    const other = append({ PrevLogEntry: 2, PrevLogTerm: 3 });
    for (const request of [missing, other]) {
      expect(ask(node([1, 4], 4), request).response).toMatchObject({
        Success: false,
        NoRetryBackoff: true,
        LastLog: 2,
      });
    }
  });
});

describe('5.4 safety', () => {
  it('5.4.1 who has the older log gets no vote', () => {
    const on = node([1, 4, 4], 4);
    expect(ask(on, vote({ LastLogTerm: 3, LastLogIndex: 99 })).response).toMatchObject({
      Granted: false,
    });
    expect(ask(on, vote({ LastLogTerm: 4, LastLogIndex: 2 })).response).toMatchObject({
      Granted: false,
    });
    expect(ask(on, vote({ LastLogTerm: 4, LastLogIndex: 3 })).response).toMatchObject({
      Granted: true,
    });
  });

  it('5.4.2 entries of an older term are committed only with one of the leader\u2019s own', () => {
    let on = node([1, 2, 2], 3);
    on = stepNode(on, { type: 'clock.reached', nowMs: on.electionAtMs, wallMs: 0 }).node;
    const voted = {
      ProtocolVersion: 3,
      ID: 'b',
      Addr: '',
      Term: on.term + 1,
      Peers: null,
      Granted: true,
    };
    const answered = (answer: object): RaftNode =>
      stepNode(on, {
        type: 'answers.received',
        nowMs: on.nowMs,
        answers: [{ from: 'b', answer: { term: on.term, ...answer } as never }],
      }).node;
    on = answered({ kind: 'pre-vote', term: on.term + 1, response: voted });
    on = stepNode(on, {
      type: 'storage.persisted',
      nowMs: on.nowMs,
      sequence: on.persistIssued,
    }).node;
    on = answered({ kind: 'vote', response: voted });
    expect(on.role).toBe('leader');
    on = stepNode(on, {
      type: 'storage.persisted',
      nowMs: on.nowMs,
      sequence: on.persistIssued,
    }).node;
    const response = { ...voted, LastLog: 0, Success: true, NoRetryBackoff: false };
    on = answered({ kind: 'append', epoch: 0, prevIndex: 2, lastIndex: 3, response });
    expect(on.commitIndex).toBe(0);
    on = answered({ kind: 'append', epoch: 0, prevIndex: 3, lastIndex: 4, response });
    expect(on.commitIndex).toBe(4);
  });
});

describe('entries on their way to disk', () => {
  it('an old write that completes late proves nothing about what replaced it', () => {
    const more = entries([1, 4, 4, 4, 4]).slice(1);
    const at = { PrevLogEntry: 1, PrevLogTerm: 1 };
    const first = ask(node([1], 4), append({ ...at, Term: 4, Entries: more }));
    const durable = first.node.persistIssued;
    const replaced = entries([1, 6]).slice(1);
    const second = ask(first.node, append({ ...at, Term: 6, Entries: replaced }));
    const late = { type: 'storage.persisted', nowMs: 1, sequence: durable } as const;
    const after = stepNode(second.node, late).node;
    expect(after.log.lastIndex).toBe(2);
    expect(after.persistIndex).toBe(1);
    const all = { ...late, sequence: after.persistIssued };
    expect(stepNode(after, all).node.persistIndex).toBe(2);
  });

  it('what was durable and is replaced is durable no more', () => {
    const at = { PrevLogEntry: 1, PrevLogTerm: 1 };
    const second = ask(
      node([1, 4, 4, 4], 4),
      append({ ...at, Term: 6, Entries: entries([1, 6]).slice(1) }),
    );
    expect(second.node.persistIndex).toBe(1);
  });
});

describe('6 membership', () => {
  it('adds a server without vote, promotes it, removes another, removes itself', () => {
    const made = cluster(4, 3);
    const leader = leaderOf(made);
    const fourth = made.server('s3');
    const done: string[] = [];
    const change = (kind: 'add-voter' | 'add-nonvoter' | 'remove-server', id: string): void =>
      made.change(leader, { kind, id, address: made.server(id).address }, (error) =>
        done.push(`${kind} ${id} ${error}`),
      );
    change('add-nonvoter', 's3');
    change('add-voter', 's3');
    const other = othersOf(made).find((server) => server !== fourth)?.id ?? '';
    change('remove-server', other);
    change('remove-server', leader.id);
    expect(made.run(10_000, () => done.length === 4)).toBe(true);
    expect(done).toEqual([
      'add-nonvoter s3 ',
      'add-voter s3 ',
      `remove-server ${other} `,
      `remove-server ${leader.id} `,
    ]);
    expect(made.run(10_000, () => made.leader() !== undefined && made.leader() !== leader)).toBe(
      true,
    );
    expect(leader.node?.role).toBe('follower');
  });

  it('refuses a change since another, and the removal of the last voter', () => {
    const made = cluster(1);
    const leader = leaderOf(made);
    const errors: string[] = [];
    made.change(leader, { kind: 'remove-server', id: leader.id }, (error) => errors.push(error));
    made.input(leader, {
      type: 'configuration.change',
      change: { kind: 'remove-server', id: 'x' },
      prevIndex: 99,
      reply: { answer: () => {}, refuse: (error) => errors.push(error.message) },
    });
    expect(errors).toEqual([
      'Need at least one voter in configuration: {[]}',
      'Configuration changed since 99 (latest is 1)',
    ]);
  });
});

describe('7 log compaction', () => {
  it('who is too far behind gets a snapshot, then the tail', () => {
    const settings = { snapshotThreshold: 20, trailingLogs: 5, snapshotIntervalMs: 200 };
    const made = new ModelCluster({ seed: 5, servers: 3, settings });
    for (const server of made.servers) made.start(server);
    for (const server of made.servers) made.bootstrap(server, made.servers);
    made.run(10_000, () => made.leader() !== undefined);
    const behind = othersOf(made)[0];
    if (behind === undefined) throw new Error('no follower');
    isolate(made, behind.id);
    for (let at = 0; at < 100; at++) {
      made.propose(leaderOf(made), `v${at}`);
      made.run(10);
    }
    made.run(2000);
    expect(leaderOf(made).node?.log.firstIndex).toBeGreaterThan(50);
    made.faults.cut.clear();
    const caught = () => behind.node?.appliedIndex === made.leader()?.node?.log.lastIndex;
    expect(made.run(20_000, caught)).toBe(true);
    expect(behind.state).toEqual(leaderOf(made).state);
    expect(behind.disk.snapshots.length).toBeGreaterThan(0);
  });
});

describe('thesis 3.10 and 6.4', () => {
  it('hands leadership to the follower that is asked for', () => {
    const made = cluster(3);
    const [to] = othersOf(made);
    const done: string[] = [];
    made.transfer(leaderOf(made), to ?? null, (error) => done.push(error));
    expect(made.run(2000, () => made.leader() === to)).toBe(true);
    expect(done).toEqual(['']);
  });

  it('proves leadership by a majority, and fails to without one', () => {
    const made = cluster(3);
    const leader = leaderOf(made);
    const proofs: boolean[] = [];
    made.verify(leader, (ok) => proofs.push(ok));
    expect(made.run(100, () => proofs.length === 1)).toBe(true);
    isolate(made, leader.id);
    made.verify(leader, (ok) => proofs.push(ok));
    made.run(3000);
    expect(proofs).toEqual([true, false]);
  });

  it('a heartbeat of any version is answered, anything else of another version is not', () => {
    const heartbeat = append({ ProtocolVersion: 0, Entries: null, PrevLogEntry: 0 });
    expect(ask(node([1], 4), heartbeat).response).toMatchObject({ Success: true });
    const old = ask(node([1], 4), vote({ ProtocolVersion: 1 }));
    expect(old.error).toBe('operation not supported with current protocol version');
  });
});

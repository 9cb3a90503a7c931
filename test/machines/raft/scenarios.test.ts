/** Scenarios that the raft libraries of others are tested with; the ids are those of raft.md. */

import { describe, expect, it } from 'vitest';
import { stepNode } from '../../../machines/raft/step.ts';
import type { MemberChange } from '../../../machines/routes/raft.ts';
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

function agreed(made: ModelCluster): boolean {
  const leader = made.leader()?.node;
  const { servers } = leader?.configurations.at(-1)?.configuration ?? { servers: [] };
  return servers.every(({ id }) => made.server(id).node?.appliedIndex === leader?.log.lastIndex);
}

function settles(made: ModelCluster): void {
  expect(made.run(30_000, () => made.leader() !== undefined && agreed(made))).toBe(true);
}

/** What a change of members came to; empty: it was made. */
function changed(made: ModelCluster, change: MemberChange): string | undefined {
  let outcome: string | undefined;
  made.change(leaderOf(made), change, (error) => {
    outcome = error;
  });
  made.run(5000, () => outcome !== undefined);
  return outcome;
}

describe('elections', () => {
  it('S5 a leader is found though the answers of one voter come too late', () => {
    const made = cluster(3);
    const old = leaderOf(made);
    made.faults.delayMsMax = 700;
    made.crash(old);
    expect(made.run(60_000, () => made.leader() !== undefined)).toBe(true);
    made.faults.delayMsMax = 5;
    made.start(old);
    settles(made);
  });

  it('E3 who stands concedes to a leader of its own term', () => {
    const on = node([1, 4], 4);
    const standing = { ...on, role: 'candidate' as const, term: 5, votedFor: 'a:8300' };
    const { node: after, response } = ask(
      standing,
      append({ Term: 5, PrevLogEntry: 2, PrevLogTerm: 4 }),
    );
    expect(after).toMatchObject({ role: 'follower', term: 5, leader: { id: 'b' } });
    expect(response).toMatchObject({ Success: true });
  });

  it('E3 messages of an older term change nothing', () => {
    const on = node([1, 4], 7);
    const late = ask(on, append({ Term: 6, PrevLogEntry: 2, PrevLogTerm: 4, Entries: [] }));
    expect(late.node).toMatchObject({ term: 7, leader: undefined, commitIndex: on.commitIndex });
    expect(ask(on, vote({ Term: 6 })).response).toMatchObject({ Granted: false, Term: 7 });
  });

  it('E4 a leader without a majority steps down, and a majority that is back elects one', () => {
    const made = cluster(5);
    const leader = leaderOf(made);
    const [a, b, c] = othersOf(made);
    for (const server of [a, b, c]) if (server !== undefined) made.crash(server);
    expect(made.run(3000, () => leader.node?.role !== 'leader')).toBe(true);
    for (const server of [a, b, c]) if (server !== undefined) made.start(server);
    settles(made);
  });
});

describe('members', () => {
  it('S7 a follower that was removed and added again catches up', () => {
    const made = cluster(3);
    const [away] = othersOf(made);
    if (away === undefined) throw new Error('no follower');
    const { id, address } = away;
    expect(changed(made, { kind: 'remove-server', id })).toBe('');
    for (let at = 0; at < 10; at++) made.propose(leaderOf(made), `without ${at}`);
    made.run(1000);
    expect(changed(made, { kind: 'add-voter', id, address })).toBe('');
    settles(made);
    expect(away.state).toEqual(leaderOf(made).state);
  });

  it('S10 a server that nobody knows is removed without a word; one that is cut off is forgotten', () => {
    const made = cluster(3);
    expect(changed(made, { kind: 'remove-server', id: 'nobody' })).toBe('');
    const [away] = othersOf(made);
    if (away === undefined) throw new Error('no follower');
    isolate(made, away.id);
    expect(changed(made, { kind: 'remove-server', id: away.id })).toBe('');
    const { term } = leaderOf(made).node ?? { term: 0 };
    made.faults.cut.clear();
    made.run(20_000);
    expect(leaderOf(made).node?.term).toBe(term);
    settles(made);
  });

  it('S11 three grow to five and shrink to three again, and nothing is lost', () => {
    const made = cluster(5, 3);
    let proposals = 0;
    const load = (): void => {
      const leader = made.leader();
      if (leader !== undefined) made.propose(leader, `p${proposals++}`);
      if (proposals < 400) made.at(20, load);
    };
    load();
    for (const id of ['s3', 's4']) {
      const { address } = made.server(id);
      expect(changed(made, { kind: 'add-voter', id, address })).toBe('');
    }
    const followers = othersOf(made).slice(0, 2);
    for (const { id } of followers) expect(changed(made, { kind: 'remove-server', id })).toBe('');
    made.run(20_000);
    settles(made);
    const state = new Set(leaderOf(made).state);
    expect(made.acknowledged.filter(({ data }) => !state.has(data))).toEqual([]);
    expect(made.acknowledged.length).toBeGreaterThan(300);
  });

  it('X4 a change that a leader without majority wrote is undone by the next', () => {
    const made = cluster(3);
    const old = leaderOf(made);
    const before = old.node?.configurations.at(-1)?.configuration;
    const [victim] = othersOf(made);
    isolate(made, old.id);
    made.change(old, { kind: 'remove-server', id: victim?.id ?? '' });
    expect(old.node?.configurations.length).toBe(2);
    expect(made.run(10_000, () => made.leader() !== undefined && made.leader() !== old)).toBe(true);
    made.faults.cut.clear();
    settles(made);
    expect(old.node?.configurations.at(-1)?.configuration).toEqual(before);
  });

  it('S16 servers that are bootstrapped with lists in different orders agree; a second time is refused', () => {
    const made = new ModelCluster({ seed: 7, servers: 3 });
    for (const server of made.servers) made.start(server);
    const [a, b, c] = made.servers;
    if (a === undefined || b === undefined || c === undefined) throw new Error('three servers');
    made.bootstrap(a, [a, b, c]);
    made.bootstrap(b, [c, b, a]);
    made.bootstrap(c, [b, a, c]);
    settles(made);
    let refused = '';
    made.input(a, {
      type: 'cluster.bootstrap',
      configuration: { servers: [] },
      reply: { answer: () => {}, refuse: (error) => (refused = error.message) },
    });
    expect(refused).toBe('cannot-bootstrap');
  });
});

describe('transfer of leadership', () => {
  it('S17 to itself, to nobody known, to who has no vote: refused; to who is cut off: in time', () => {
    const made = cluster(4, 3);
    const { id, address } = made.server('s3');
    expect(changed(made, { kind: 'add-nonvoter', id, address })).toBe('');
    const outcomes: string[] = [];
    const leader = leaderOf(made);
    const ghost = { ...leader, id: 'ghost' };
    for (const to of [leader, ghost, made.server(id)]) {
      made.transfer(leader, to, (error) => outcomes.push(error));
    }
    expect(outcomes).toEqual([
      'cannot transfer leadership to itself',
      'cannot find replication state for ghost',
      'cannot find replication state for s3',
    ]);
    const away = othersOf(made).find((server) => server.id !== id);
    if (away === undefined) throw new Error('no voter');
    isolate(made, away.id);
    made.propose(leader, 'what the other lacks');
    made.transfer(leader, away, (error) => outcomes.push(error));
    made.run(3000, () => outcomes.length === 4);
    expect(outcomes[3]).toBe('leadership transfer timeout');
    expect(made.leader()).toBe(leader);
  });

  it('S17 to nobody in particular: to a voter that is there, though another has as much of the log', () => {
    const made = cluster(3);
    const leader = leaderOf(made);
    const [gone, there] = othersOf(made);
    made.run(1000);
    if (gone !== undefined) made.crash(gone);
    made.run(1500);
    made.transfer(leader, null);
    expect(made.run(1000, () => made.leader() === there)).toBe(true);
  });

  it('S17 to who is behind: it gets the log first', () => {
    const made = cluster(3);
    const [to] = othersOf(made);
    for (let at = 0; at < 200; at++) made.propose(leaderOf(made), `p${at}`);
    const { lastIndex } = leaderOf(made).node?.log ?? { lastIndex: 0 };
    made.transfer(leaderOf(made), to ?? null);
    expect(made.run(2000, () => made.leader() === to)).toBe(true);
    expect(to?.node?.log.lastIndex).toBeGreaterThanOrEqual(lastIndex);
  });
});

describe('followers that lag, and restarts', () => {
  const settings = { snapshotThreshold: 20, trailingLogs: 5, snapshotIntervalMs: 200 };

  function busy(): ModelCluster {
    const made = new ModelCluster({ seed: 11, servers: 3, settings });
    for (const server of made.servers) made.start(server);
    for (const server of made.servers) made.bootstrap(server, made.servers);
    made.run(10_000, () => made.leader() !== undefined);
    for (let at = 0; at < 100; at++) {
      made.propose(leaderOf(made), `p${at}`);
      made.run(10);
    }
    return made;
  }

  it('S13 E13 who restarts from a snapshot applies the rest once, and trailing entries are kept', () => {
    const made = busy();
    made.run(2000);
    const [follower] = othersOf(made);
    if (follower === undefined) throw new Error('no follower');
    expect(follower.node?.log.snapshot.index).toBeGreaterThan(0);
    const { firstIndex, snapshot } = follower.node?.log ?? {
      firstIndex: 0,
      snapshot: { index: 0 },
    };
    expect(firstIndex).toBeLessThanOrEqual(snapshot.index);
    made.crash(follower);
    made.propose(leaderOf(made), 'meanwhile');
    made.start(follower);
    settles(made);
    expect(follower.state).toEqual(leaderOf(made).state);
  });

  it('X2 a server that comes back with an older snapshot and nothing else catches up all the same', () => {
    const made = busy();
    const [follower] = othersOf(made);
    if (follower === undefined) throw new Error('no follower');
    made.run(2000);
    made.crash(follower);
    const [older] = follower.disk.snapshots;
    if (older === undefined) throw new Error('no snapshot');
    follower.disk.snapshots = [older];
    follower.disk.entries = follower.disk.entries.filter((one) => one.Index <= older.at.index);
    made.start(follower);
    settles(made);
    expect(follower.state).toEqual(leaderOf(made).state);
  });

  it('E12 a follower that missed the news of a commit hears it within 100 ms and a journey', () => {
    const made = cluster(3);
    const leader = leaderOf(made);
    made.propose(leader, 'p');
    made.run(1000, () => made.acknowledged.length === 1);
    const { commitIndex } = leader.node ?? { commitIndex: 0 };
    const all = () => made.servers.every((one) => (one.node?.commitIndex ?? 0) >= commitIndex);
    expect(made.run(120, all)).toBe(true);
  });

  it('E9 who was away for long gets entries as soon as it answers a heartbeat, not after a pause', () => {
    const made = cluster(3);
    const leader = leaderOf(made);
    const [away, other] = othersOf(made);
    if (away === undefined || other === undefined) throw new Error('three servers');
    made.crash(away);
    made.run(15_000);
    const progress = () => leader.node?.leadership?.progress.get(away.id);
    expect(progress()?.failures).toBeGreaterThan(8);
    made.run(10_000, () => (progress()?.retryAtMs ?? 0) > made.nowMs + 3000);
    made.start(away);
    made.crash(other);
    made.propose(leader, 'needs the one that was away');
    expect(made.run(1500, () => made.acknowledged.length === 1)).toBe(true);
    expect(made.leader()).toBe(leader);
  });

  it('E8 a snapshot of what is committed here already changes nothing', () => {
    const on = node([1, 4, 4], 4);
    const led = ask(
      on,
      append({ Term: 5, PrevLogEntry: 3, PrevLogTerm: 4, LeaderCommitIndex: 3 }),
    ).node;
    const late = ask(led, {
      rpc: 'install-snapshot',
      body: {
        ProtocolVersion: 3,
        ID: 'b',
        Addr: 'b:8300',
        SnapshotVersion: 1,
        Term: 5,
        Leader: 'b:8300',
        LastLogIndex: 2,
        LastLogTerm: 4,
        Peers: null,
        Configuration: entries([1])[0]?.Data ?? null,
        ConfigurationIndex: 1,
        Size: 0,
      },
    });
    expect(late.response).toMatchObject({ Success: true });
    expect(late.node.log).toBe(led.log);
    expect(late.node.installing).toBeUndefined();
  });
});

describe('a snapshot that a log disagrees with', () => {
  it('takes the place of all of it; one that it agrees with keeps what is behind', () => {
    const configuration = { index: 1, configuration: { servers: [] } };
    const installed = (term: number) =>
      stepNode(
        { ...node([1, 4, 4, 4], 5), installing: 1 },
        { type: 'snapshot.installed', nowMs: 1, ticket: 1, at: { index: 3, term }, configuration },
      ).node;
    expect(installed(4).log).toMatchObject({ lastIndex: 4, snapshot: { index: 3, term: 4 } });
    expect(installed(5).log).toMatchObject({ firstIndex: 4, lastIndex: 3, lastTerm: 5 });
  });
});

describe('crashes between two writes', () => {
  it('X1 a term that is durable without the vote: the server may vote in it, once', () => {
    const on = node([1, 4], 5);
    const first = ask(on, vote({ Term: 5 }));
    expect(first.response).toMatchObject({ Granted: true });
    const other = ask(first.node, vote({ Term: 5, ID: 'c', Addr: 'c:8300', Candidate: 'c:8300' }));
    expect(other.response).toMatchObject({ Granted: false });
  });

  it('X1 a vote that is durable and was not answered is given again to the same one only', () => {
    const voted = { ...node([1, 4], 5), votedFor: 'b:8300' };
    expect(ask(voted, vote({ Term: 5 })).response).toMatchObject({ Granted: true });
    const other = vote({ Term: 5, ID: 'c', Addr: 'c:8300', Candidate: 'c:8300' });
    expect(ask(voted, other).response).toMatchObject({ Granted: false });
  });

  it('X1 entries that are durable and were not answered are counted when they come again', () => {
    const more = entries([1, 5, 5]).slice(1);
    const again = ask(
      node([1, 5, 5], 5),
      append({ Term: 5, PrevLogEntry: 1, PrevLogTerm: 1, Entries: more }),
    );
    expect(again.response).toMatchObject({ Success: true });
    expect(again.effects.some(({ type }) => type === 'persist')).toBe(false);
  });
});

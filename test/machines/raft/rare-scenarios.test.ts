/** More scenarios that the raft libraries of others are tested with; the ids are those of raft.md. */

import { describe, expect, it } from 'vitest';
import { holdsLease } from '../../../machines/raft/leader.ts';
import { UNCOMMITTED_BYTES_MAX, UNCOMMITTED_ENTRIES_MAX } from '../../../machines/raft/limits.ts';
import { LogView } from '../../../machines/raft/log-view.ts';
import type { Effect, Input, RaftNode } from '../../../machines/raft/node.ts';
import { startNode, stepNode } from '../../../machines/raft/step.ts';
import type { RaftRequest } from '../../../src/wire/raft/messages.ts';
import { ModelCluster } from '../../support/raft/model-cluster.ts';
import {
  allDurable,
  answered,
  append,
  ask,
  cluster,
  elected,
  entries,
  isolate,
  leaderOf,
  node,
  othersOf,
} from '../../support/raft/scenes.ts';

/** A reply that writes down what it is given. */
function listener() {
  const heard: string[] = [];
  const reply = {
    answer: () => void heard.push('answered'),
    refuse: (error: Error) => void heard.push(error.message),
  };
  return { heard, reply };
}

function effectsOf<T extends Effect['type']>(effects: readonly Effect[], type: T) {
  return effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type);
}

const header = (from: string) => ({ ProtocolVersion: 3, ID: from, Addr: `${from}:8300` });

/** `from` has everything, on disk. */
function taken(on: RaftNode, from: string): RaftNode {
  const { lastIndex } = on.log;
  const epoch = on.leadership?.progress.get(from)?.epoch ?? 0;
  const said = { Term: on.term, LastLog: lastIndex, Success: true, NoRetryBackoff: false };
  const response = { ...header(from), ...said };
  const about = { epoch, sentAtMs: on.nowMs, prevIndex: lastIndex - 1, lastIndex };
  return answered(on, from, { kind: 'append', ...about, response });
}

/** The node leads and has committed and applied an entry of its term. */
function leading(): RaftNode {
  return taken(elected([1, 2, 2], 3), 'b');
}

function proposed(on: RaftNode, command: string | Buffer, count = 1) {
  const { heard, reply } = listener();
  const data = Buffer.from(command);
  const one = { kind: 'command', data, extensions: null, reply } as const;
  const proposals = Array.from({ length: count }, () => one);
  return { ...stepNode(on, { type: 'proposals.submitted', proposals }), heard };
}

describe('snapshots', () => {
  it('S14 of nothing are refused', () => {
    const { node: fresh } = startNode({
      self: { id: 'a', address: 'a:8300' },
      settings: node([1], 1).settings,
      seed: 1,
      nowMs: 0,
      stored: {
        hardState: { term: 0, votedFor: '' },
        log: LogView.empty,
        configuration: { index: 0, configuration: { servers: [] } },
      },
    });
    const { effects } = stepNode(fresh, { type: 'snapshot.create', reply: listener().reply });
    expect(effects).toContainEqual(
      expect.objectContaining({ type: 'refuse', error: 'nothing-to-snapshot' }),
    );
  });

  it('S14 from outside make the log jump, end what was pending, and go to all followers', () => {
    const pending = proposed(leading(), 'pending');
    const { heard, reply } = listener();
    const chunks = (async function* () {})();
    const begun = stepNode(pending.node, {
      type: 'snapshot.restore',
      index: 500,
      size: 0,
      chunks,
      reply,
    });
    const [adopt] = effectsOf(begun.effects, 'snapshot.adopt');
    expect(adopt?.at).toEqual({ index: 501, term: 4 });
    const snapshot = { id: 's', index: 501, term: 4 } as never;
    const configuration = begun.node.configurations[0];
    if (adopt === undefined || configuration === undefined) throw new Error('nothing to adopt');
    const { nowMs } = begun.node;
    const adopted = { type: 'snapshot.adopted', nowMs, at: adopt.at, configuration, snapshot };
    const after = stepNode(begun.node, adopted as Input);
    expect(effectsOf(after.effects, 'abandon')[0]?.error).toBe('snapshot-restored');
    expect(after.node.log).toMatchObject({ firstIndex: 502, lastIndex: 502 });
    const modes = [...(after.node.leadership?.progress.values() ?? [])].map(({ mode }) => mode);
    expect(heard).toEqual([]);
    // Who has an append under way is sent the snapshot when that is answered.
    expect(modes).toContain('snapshot');
  });

  it('E7 of exactly the last index lead the follower back to where entries flow', () => {
    const settings = { snapshotThreshold: 20, trailingLogs: 0, snapshotIntervalMs: 200 };
    const made = new ModelCluster({ seed: 11, servers: 3, settings });
    for (const server of made.servers) made.start(server);
    for (const server of made.servers) made.bootstrap(server, made.servers);
    made.run(10_000, () => made.leader() !== undefined);
    made.run(1000);
    const leader = leaderOf(made);
    const [away] = othersOf(made);
    if (away === undefined) throw new Error('no follower');
    made.crash(away);
    for (let at = 0; at < 60; at++) made.propose(leader, `p${at}`);
    const cut = () => leader.node?.log.firstIndex === (leader.node?.log.lastIndex ?? 0) + 1;
    expect(made.run(5000, cut)).toBe(true);
    made.start(away);
    const progress = () => leader.node?.leadership?.progress.get(away.id);
    const back = () => progress()?.mode === 'pipeline' && progress()?.match === 62;
    expect(made.run(5000, back)).toBe(true);
    made.propose(leader, 'more');
    expect(made.run(500, () => away.state.at(-1) === 'more')).toBe(true);
  });

  it('E10 reach who is outrun again and again while entries are taken out of the log', () => {
    const settings = { snapshotThreshold: 10, trailingLogs: 2, snapshotIntervalMs: 100 };
    const made = new ModelCluster({ seed: 5, servers: 3, settings });
    for (const server of made.servers) made.start(server);
    for (const server of made.servers) made.bootstrap(server, made.servers);
    made.run(10_000, () => made.leader() !== undefined);
    made.run(1000);
    const leader = leaderOf(made);
    const [slow] = othersOf(made);
    if (slow === undefined) throw new Error('no follower');
    for (let round = 0; round < 20; round++) {
      made.faults.cut.add(`${leader.id}>${slow.id}`);
      for (let at = 0; at < 20; at++) {
        made.propose(leader, `p${round}.${at}`);
        made.run(10);
      }
      made.faults.cut.clear();
      made.run(made.below(60));
    }
    expect(made.run(5000, () => slow.state.length === 400)).toBe(true);
    expect(slow.disk.snapshots.length).toBeGreaterThan(0);
  });

  it('X3 are received once at a time, and given up when cut off; entries wait, terms do not', () => {
    const on = node([1, 4], 4);
    const install = (fields: { readonly Term: number; readonly from: string }): RaftRequest => ({
      rpc: 'install-snapshot',
      body: {
        ...header(fields.from),
        SnapshotVersion: 1,
        Term: fields.Term,
        Leader: `${fields.from}:8300`,
        LastLogIndex: 9,
        LastLogTerm: 4,
        Peers: null,
        Configuration: entries([1])[0]?.Data ?? null,
        ConfigurationIndex: 1,
        Size: 0,
      },
    });
    const receiving = ask(on, install({ Term: 5, from: 'b' }));
    expect(receiving.effects.map(({ type }) => type)).toContain('snapshot.receive');
    const repeated = ask(receiving.node, install({ Term: 5, from: 'b' }));
    expect(repeated.error).toBe('another snapshot is being installed');
    const entriesMeanwhile = append({ Term: 5, PrevLogEntry: 2, PrevLogTerm: 4 });
    expect(ask(repeated.node, entriesMeanwhile).response).toMatchObject({ Success: false });
    const cutOff = stepNode(repeated.node, {
      type: 'snapshot.refused',
      nowMs: on.nowMs + 2,
      ticket: 1,
      error: 'short read',
    });
    const again = ask(cutOff.node, install({ Term: 6, from: 'c' }));
    expect(again.node).toMatchObject({ term: 6, leader: { id: 'c' }, installing: 1 });
    const at = { index: 9, term: 4 };
    const configuration = on.configurations[0];
    if (configuration === undefined) throw new Error('no configuration');
    const nowMs = on.nowMs + 3;
    const installed = { type: 'snapshot.installed', nowMs, ticket: 1, at, configuration } as const;
    const done = stepNode(again.node, installed).node;
    const more = append({ Term: 6, ...header('c'), PrevLogEntry: 9, PrevLogTerm: 4 });
    expect(ask(done, more).response).toMatchObject({ Success: true });
  });
});

describe('votes and entries', () => {
  it('E5 a server that does not know yet that it votes gives its vote all the same', () => {
    const made = cluster(3, 2);
    const { id, address } = made.server('s2');
    made.change(leaderOf(made), { kind: 'add-nonvoter', id, address });
    made.run(1000);
    isolate(made, id);
    made.change(leaderOf(made), { kind: 'add-voter', id, address });
    made.run(400);
    const known = made.server(id).node?.configurations.at(-1)?.configuration.servers;
    expect(known?.find((one) => one.id === id)?.suffrage).toBe('nonvoter');
    made.crash(leaderOf(made));
    made.faults.cut.clear();
    expect(made.run(10_000, () => made.leader() !== undefined)).toBe(true);
    expect(made.leader()?.id).not.toBe(id);
  });

  it('E14 a leader without followers refuses to grow its log beyond a bound', () => {
    let on = leading();
    const batch = UNCOMMITTED_ENTRIES_MAX / 8;
    for (let turn = 0; turn < 10; turn++) on = proposed(on, 'p', batch).node;
    expect(on.log.lastIndex - on.commitIndex).toBeLessThanOrEqual(UNCOMMITTED_ENTRIES_MAX);
    const { effects } = proposed(on, 'one too many', batch);
    expect(effectsOf(effects, 'refuse')[0]?.error).toBe('enqueue-timeout');
  });

  it('E14 what is committed does not count, however much of it is kept', () => {
    const share = Buffer.alloc(UNCOMMITTED_BYTES_MAX / 4);
    const refusals = (on: RaftNode) => effectsOf(proposed(on, share).effects, 'refuse');
    let on = leading();
    for (let turn = 0; turn < 5; turn++) on = proposed(on, share).node;
    expect(on.log.bytes).toBeGreaterThan(UNCOMMITTED_BYTES_MAX);
    expect(refusals(on)[0]?.error).toBe('enqueue-timeout');
    expect(refusals({ ...on, commitIndex: on.log.lastIndex - 1 })).toEqual([]);
  });

  it('E15 an append that comes after newer ones on another connection takes nothing back', () => {
    const more = entries([1, 4, 5, 5]).slice(2);
    const newer = append({
      Term: 5,
      PrevLogEntry: 2,
      PrevLogTerm: 4,
      Entries: more,
      LeaderCommitIndex: 4,
    });
    const { node: after } = ask(node([1, 4], 4), newer);
    const older = append({
      Term: 5,
      PrevLogEntry: 2,
      PrevLogTerm: 4,
      Entries: more.slice(0, 1),
      LeaderCommitIndex: 2,
    });
    const late = ask(after, older);
    expect(late.response).toMatchObject({ Success: true });
    expect(late.node).toMatchObject({ commitIndex: 4, log: { lastIndex: 4 } });
  });

  it('E15 an answer from before a connection broke moves nothing but what is durable', () => {
    const on = elected([1, 2, 2], 3);
    const { epoch } = on.leadership?.progress.get('b') ?? { epoch: 0 };
    const error = new Error('connection reset');
    const broken = answered(on, 'b', { kind: 'failed', of: 'append', epoch, error });
    const said = { Term: on.term, LastLog: 0, Success: false, NoRetryBackoff: true };
    const response = { ...header('b'), ...said };
    const about = { epoch, sentAtMs: on.nowMs, prevIndex: 3, lastIndex: 3 };
    const late = answered(broken, 'b', { kind: 'append', ...about, response });
    const { next, match, mode } = broken.leadership?.progress.get('b') ?? {};
    expect(mode).toBe('probe');
    expect(late.leadership?.progress.get('b')).toMatchObject({ next, match, mode });
  });
});

describe('X8 the clock of a leader that is slow', () => {
  /** It believes that no time has passed, while others have elected somebody. */
  const slow = (): RaftNode => {
    const committed = allDurable(leading());
    const { lastIndex } = committed.log;
    const applied: Input = { type: 'entries.applied', throughIndex: lastIndex, responses: [] };
    return stepNode(committed, applied).node;
  };

  it('may answer default reads from its lease, and never a consistent one', () => {
    const on = slow();
    expect(holdsLease(on, on.nowMs + 1)).toBe(true);
    const { reply } = listener();
    const asked = stepNode(on, { type: 'leadership.verify', reply });
    expect(effectsOf(asked.effects, 'settle')).toEqual([]);
    const { round = 0 } = asked.node.leadership ?? {};
    const said = { Term: on.term + 1, LastLog: 9, Success: false, NoRetryBackoff: false };
    const response = { ...header('b'), ...said };
    const heartbeat = { kind: 'heartbeat', term: on.term, round, sentAtMs: on.nowMs, response };
    const answers = [{ from: 'b', answer: heartbeat as never }];
    const told = stepNode(asked.node, { type: 'answers.received', nowMs: on.nowMs, answers });
    expect(told.node.role).toBe('follower');
    expect(effectsOf(told.effects, 'settle')).toEqual([]);
    expect(effectsOf(told.effects, 'refuse')[0]).toMatchObject({ error: 'not-leader' });
  });
});

/** Scenarios by section of the Raft thesis: pre-vote, lease, reads by index. */

import { describe, expect, it } from 'vitest';
import { holdsLease } from '../../../machines/raft/leader.ts';
import type { RaftNode } from '../../../machines/raft/node.ts';
import { phaseOf, stepNode } from '../../../machines/raft/step.ts';
import type { ModelCluster } from '../../support/raft/model-cluster.ts';
import {
  allDurable,
  answered,
  append,
  ask,
  cluster,
  elected,
  electionDue,
  isolate,
  leaderOf,
  node,
  othersOf,
  preVote,
  vote,
} from '../../support/raft/scenes.ts';

const HEADER = { ProtocolVersion: 3, ID: 'b', Addr: 'b:8300' };

function led(): RaftNode {
  return ask(node([1, 4], 4), append({ Term: 4, PrevLogEntry: 2, PrevLogTerm: 4 })).node;
}

function preVoteAnswer(Term: number, Granted: boolean, asked: number): object {
  return { kind: 'pre-vote', term: asked, response: { ...HEADER, Term, Granted } };
}

function termsOf(made: ModelCluster): readonly (number | undefined)[] {
  return made.servers.map((server) => server.node?.term);
}

describe('9.6 preventing disruptions when a server rejoins the cluster', () => {
  it('who was cut off comes back in the term it had, and the leader stays', () => {
    const made = cluster(3);
    const leader = leaderOf(made);
    const before = termsOf(made);
    const [away] = othersOf(made);
    isolate(made, away?.id ?? '');
    expect(made.run(30_000, () => away?.node?.role === 'leader')).toBe(false);
    expect(away?.node?.role).toBe('candidate');
    made.faults.cut.clear();
    made.run(5_000);
    expect(away?.node?.role).toBe('follower');
    expect(termsOf(made)).toEqual(before);
    expect(made.leader()).toBe(leader);
  });

  it('asking changes neither term nor vote, and is not written', () => {
    const before = node([1, 4], 4);
    const { node: asking, effects } = stepNode(before, {
      type: 'clock.reached',
      nowMs: before.electionAtMs,
      wallMs: 0,
    });
    expect(phaseOf(asking)).toBe('canvassing');
    expect(asking).toMatchObject({ term: 4, votedFor: '' });
    expect(effects.map(({ type }) => type)).not.toContain('persist');
    const asked = effects.flatMap((effect) =>
      effect.type === 'send' ? [[effect.to.id, effect.message.kind, effect.message.term]] : [],
    );
    expect(asked).toEqual([
      ['b', 'pre-vote', 5],
      ['c', 'pre-vote', 5],
    ]);
  });

  it('answers as for a vote, and gives none', () => {
    const on = node([1, 4], 4);
    const would = ask(on, preVote({}));
    expect(would.response).toMatchObject({ Granted: true, Term: 5 });
    expect(would.node).toMatchObject({ term: 4, votedFor: '' });
    expect(ask(on, preVote({ LastLogTerm: 1 })).response).toMatchObject({ Granted: false });
    expect(ask(on, preVote({ Term: 3 })).response).toMatchObject({ Granted: false, Term: 4 });
  });

  it('would not vote while a leader is heard, and would once it should have been', () => {
    const on = led();
    expect(ask(on, preVote({ ID: 'c', Addr: 'c:8300' })).response).toMatchObject({
      Granted: false,
    });
    const silent = { ...on, nowMs: on.nowMs + on.settings.heartbeatTimeoutMs };
    expect(ask(silent, preVote({ ID: 'c', Addr: 'c:8300' })).response).toMatchObject({
      Granted: true,
    });
    expect(ask(silent, vote({ ID: 'c', Addr: 'c:8300' })).response).toMatchObject({
      Granted: true,
    });
  });

  it('stands as soon as a majority would vote', () => {
    const asking = electionDue(node([1, 4], 4));
    const standing = answered(asking, 'c', preVoteAnswer(5, true, 5));
    expect(phaseOf(standing)).toBe('candidate');
    expect(standing).toMatchObject({ term: 5, votedFor: 'a:8300' });
  });

  it('takes a peer that does not know the question for one that has nothing against it', () => {
    const asking = electionDue(node([1, 4], 4));
    const unknown = { kind: 'pre-vote', term: 5, response: undefined };
    expect(phaseOf(answered(asking, 'b', unknown))).toBe('candidate');
  });

  it('does not count a peer that cannot be reached', () => {
    const asking = electionDue(node([1, 4], 4));
    const failed = { kind: 'failed', of: 'pre-vote', epoch: 0, error: new Error('refused') };
    const alone = answered(answered(asking, 'b', failed), 'c', failed);
    expect(phaseOf(alone)).toBe('canvassing');
    const again = electionDue(alone);
    expect(again).toMatchObject({ term: 4, role: 'candidate' });
  });

  it('learns a newer term from who refuses, but not the one it asked for itself', () => {
    const asking = electionDue(node([1, 4], 4));
    expect(answered(asking, 'b', preVoteAnswer(5, false, 5))).toMatchObject({
      term: 4,
      role: 'candidate',
    });
    expect(answered(asking, 'b', preVoteAnswer(9, false, 5))).toMatchObject({
      term: 9,
      role: 'follower',
    });
  });

  it('a late answer to an earlier question does not count', () => {
    const asking = electionDue(node([1, 4], 4));
    const newer = electionDue(answered(asking, 'b', preVoteAnswer(9, false, 5)));
    expect(phaseOf(answered(newer, 'c', preVoteAnswer(5, true, 5)))).toBe('canvassing');
  });

  it('goes on following when the leader is heard while it asks', () => {
    const asking = electionDue(led());
    const { node: after } = ask(asking, append({ Term: 4, PrevLogEntry: 2, PrevLogTerm: 4 }));
    expect(after).toMatchObject({ role: 'follower', term: 4 });
    expect(phaseOf(answered(after, 'c', preVoteAnswer(5, true, 5)))).toBe('follower');
  });

  it('3.10 who is told to stand does not ask before', () => {
    const { node: standing } = ask(led(), {
      rpc: 'timeout-now',
      body: { ProtocolVersion: 3, ID: 'b', Addr: 'b:8300' },
    });
    expect(phaseOf(standing)).toBe('candidate');
    expect(standing.term).toBe(5);
  });
});

describe('a leader whose process is gone', () => {
  const gone = (on: RaftNode, nowMs: number) =>
    stepNode(on, { type: 'leader.gone', nowMs, address: 'b:8300' }).node;

  it('keeps its lease, and no more', () => {
    const on = led();
    const { leaderLeaseTimeoutMs, heartbeatTimeoutMs } = on.settings;
    const contactMs = on.contactAtMs ?? 0;
    const after = gone(on, on.nowMs + 10);
    expect(after.electionAtMs).toBeGreaterThanOrEqual(contactMs + leaderLeaseTimeoutMs);
    expect(after.electionAtMs).toBeLessThan(contactMs + heartbeatTimeoutMs);
    const other = { ID: 'c', Addr: 'c:8300' };
    const within = { ...after, nowMs: contactMs + leaderLeaseTimeoutMs - 2 };
    expect(ask(within, preVote(other)).response).toMatchObject({ Granted: false });
    const beyond = { ...after, nowMs: contactMs + leaderLeaseTimeoutMs };
    expect(ask(beyond, preVote(other)).response).toMatchObject({ Granted: true });
    expect(phaseOf(electionDue(after))).toBe('canvassing');
  });

  it('leaves each of the others a turn of its own', () => {
    const on = led();
    const turns = ['a', 'c'].map((id) => {
      const self = { id, address: `${id}:8300` };
      return gone({ ...on, self }, on.nowMs + 10).electionAtMs;
    });
    const leaseEndsMs = (on.contactAtMs ?? 0) + on.settings.leaderLeaseTimeoutMs;
    const turnMs = (on.settings.heartbeatTimeoutMs - on.settings.leaderLeaseTimeoutMs) / 3;
    expect(turns).toEqual([leaseEndsMs, leaseEndsMs + turnMs]);
  });

  it('is protected again when it is heard again', () => {
    const after = gone(led(), 10);
    const { node: heard } = ask(after, append({ Term: 4, PrevLogEntry: 2, PrevLogTerm: 4 }));
    expect(heard.leaderGone).toBe(false);
    expect(heard.electionAtMs - heard.nowMs).toBeGreaterThanOrEqual(
      heard.settings.heartbeatTimeoutMs,
    );
  });

  it('is news of the present leader only', () => {
    const on = led();
    const other = stepNode(on, { type: 'leader.gone', nowMs: 10, address: 'c:8300' }).node;
    expect(other).toMatchObject({ leaderGone: false, electionAtMs: on.electionAtMs });
  });
});

/** An answer of `b` to what was sent at `sentAtMs`. */
function heartbeatAnswer(on: RaftNode, round: number, sentAtMs: number): object {
  const response = { ...HEADER, Term: on.term, LastLog: 0, Success: true, NoRetryBackoff: false };
  return { kind: 'heartbeat', round, sentAtMs, response };
}

function appendAnswer(on: RaftNode, lastIndex: number): object {
  const response = { ...HEADER, Term: on.term, LastLog: 0, Success: true, NoRetryBackoff: false };
  const { epoch } = on.leadership?.progress.get('b') ?? { epoch: 0 };
  return {
    kind: 'append',
    epoch,
    sentAtMs: on.nowMs,
    prevIndex: lastIndex - 1,
    lastIndex,
    response,
  };
}

function verified(on: RaftNode): { readonly node: RaftNode; readonly read: { done: boolean } } {
  const read = { done: false };
  const reply = {
    answer: () => {
      read.done = true;
    },
    refuse: () => {},
  };
  return { node: stepNode(on, { type: 'leadership.verify', reply }).node, read };
}

/** Steps, and gives the answers that come of it. */
function settled(on: RaftNode, from: string, answer: object): RaftNode {
  const answers = [{ from, answer: { term: on.term, ...answer } as never }];
  const { node: after, effects } = stepNode(on, {
    type: 'answers.received',
    nowMs: on.nowMs,
    answers,
  });
  for (const effect of effects) if (effect.type === 'settle') effect.reply.answer(null);
  return after;
}

describe('6.4 processing read-only queries', () => {
  it('a new leader answers only once its first entry is committed and applied', () => {
    const { node: on, read } = verified(elected([1, 2, 2], 3));
    const proven = settled(on, 'b', heartbeatAnswer(on, on.leadership?.round ?? 0, on.nowMs));
    expect(read.done).toBe(false);
    const committed = settled(proven, 'b', appendAnswer(proven, proven.log.lastIndex));
    expect(committed.commitIndex).toBe(4);
    expect(read.done).toBe(false);
    const { effects } = stepNode(committed, {
      type: 'entries.applied',
      throughIndex: committed.applyingIndex,
      responses: [],
    });
    for (const effect of effects) if (effect.type === 'settle') effect.reply.answer(null);
    expect(read.done).toBe(true);
  });

  it('a round that is under way proves nothing to who asks later; the next serves all of them', () => {
    const made = cluster(3);
    const leader = leaderOf(made);
    const done: boolean[] = [];
    const rounds = (): number =>
      leader.node?.leadership?.progress.values().next().value?.roundSent ?? 0;
    made.run(1000);
    const before = rounds();
    for (let at = 0; at < 50; at++) made.verify(leader, (ok) => done.push(ok));
    const sent = new Set([rounds()]);
    made.run(200, () => {
      sent.add(rounds());
      return done.length === 50;
    });
    expect(done).toEqual(Array(50).fill(true));
    expect(sent.size).toBeLessThanOrEqual(2);
    expect(Math.max(...sent)).toBe(before + 50);
  });

  it('only voters prove leadership', () => {
    const made = cluster(4, 3);
    const leader = leaderOf(made);
    const added = made.servers[3];
    if (added === undefined) throw new Error('no fourth server');
    const errors: string[] = [];
    const { id, address } = added;
    made.change(leader, { kind: 'add-nonvoter', id, address }, (error) => errors.push(error));
    expect(made.run(5000, () => errors.length === 1)).toBe(true);
    for (const other of othersOf(made)) if (other !== added) isolate(made, other.id);
    const proofs: boolean[] = [];
    made.verify(leader, (ok) => proofs.push(ok));
    made.run(400);
    expect(proofs).not.toContain(true);
  });
});

/** Leads, with everything applied; nobody was heard since. */
function leading(): RaftNode {
  const on = elected([1, 2, 2], 3);
  const committed = answered(on, 'b', appendAnswer(on, on.log.lastIndex));
  const applied = { throughIndex: committed.applyingIndex, responses: [] };
  const { node: all } = stepNode(committed, { type: 'entries.applied', ...applied });
  return stepNode(all, { type: 'clock.reached', nowMs: all.nowMs + 400, wallMs: 0 }).node;
}

describe('6.4.1 reads by lease', () => {
  it('is none before everything of earlier leaders is applied', () => {
    const on = elected([1, 2, 2], 3);
    const heard = answered(on, 'b', heartbeatAnswer(on, 0, on.nowMs));
    expect(holdsLease(heard, heard.nowMs)).toBe(false);
  });

  it('counts from when a majority was asked, not from when its answer was read', () => {
    const on = leading();
    expect(holdsLease(on, on.nowMs)).toBe(false);
    const askedAtMs = on.nowMs;
    const lateMs = askedAtMs + 4000;
    const fresh = answered(on, 'b', heartbeatAnswer(on, 0, askedAtMs), askedAtMs + 5);
    expect(holdsLease(fresh, askedAtMs + 5)).toBe(true);
    expect(holdsLease(fresh, askedAtMs + fresh.settings.leaderLeaseTimeoutMs * 0.75)).toBe(false);
    const stopped = answered(on, 'b', heartbeatAnswer(on, 0, askedAtMs), lateMs);
    expect(stopped.role).toBe('leader');
    expect(holdsLease(stopped, lateMs)).toBe(false);
  });

  it('is over before any follower would vote for another, if clocks are off by ten per cent', () => {
    const { leaderLeaseTimeoutMs, heartbeatTimeoutMs } = led().settings;
    const longestMs = (leaderLeaseTimeoutMs * 0.75) / 0.9;
    expect(longestMs).toBeLessThan(leaderLeaseTimeoutMs / 1.1);
    expect(leaderLeaseTimeoutMs).toBeLessThan(heartbeatTimeoutMs);
  });

  it('a refusal proves nothing', () => {
    const on = leading();
    const response = {
      ...HEADER,
      Term: on.term,
      LastLog: 0,
      Success: false,
      NoRetryBackoff: false,
    };
    const refused = { kind: 'heartbeat', round: 0, sentAtMs: on.nowMs, response };
    expect(holdsLease(answered(on, 'b', refused), on.nowMs)).toBe(false);
  });

  it('is given up once somebody is told to stand', () => {
    const made = cluster(3);
    const leader = leaderOf(made);
    expect(holdsLease(leader.node as RaftNode, made.nowMs)).toBe(true);
    const [to] = othersOf(made);
    for (const other of made.servers) made.faults.cut.add(`${leader.id}>${other.id}`);
    made.transfer(leader, to ?? null);
    expect(leader.node?.leadership?.transfer?.sent).toBe(true);
    expect(holdsLease(leader.node as RaftNode, made.nowMs)).toBe(false);
  });

  it('ends with leadership', () => {
    const on = leading();
    const heard = allDurable(answered(on, 'b', heartbeatAnswer(on, 0, on.nowMs)));
    const { node: deposed } = ask(heard, append({ Term: 9 }));
    expect(holdsLease(deposed, deposed.nowMs)).toBe(false);
  });
});

describe('when entries are appended', () => {
  it('a leader stamps them with its clock, as library 1.3.0 and newer do', () => {
    const on = leading();
    const wallMs = 1_700_000_000_250;
    const told = stepNode(on, { type: 'clock.reached', nowMs: on.nowMs, wallMs }).node;
    const reply = { answer: () => {}, refuse: () => {} };
    const proposal = { kind: 'command', data: Buffer.from('x'), extensions: null, reply } as const;
    const { node: after } = stepNode(told, { type: 'proposals.submitted', proposals: [proposal] });
    expect(after.log.entryAt(after.log.lastIndex)?.AppendedAt).toMatchObject({
      unixSeconds: 1_700_000_000,
    });
  });

  it('followers that are as far as each other get one and the same request', () => {
    const on = leading();
    const both = answered(on, 'c', appendAnswer(on, on.log.lastIndex));
    const reply = { answer: () => {}, refuse: () => {} };
    const proposal = { kind: 'command', data: Buffer.from('x'), extensions: null, reply } as const;
    const sent = (from: RaftNode): readonly unknown[] => {
      const { effects } = stepNode(from, { type: 'proposals.submitted', proposals: [proposal] });
      return effects.flatMap((effect) =>
        effect.type === 'send' && effect.message.kind === 'append' ? [effect.message.body] : [],
      );
    };
    const [toB, toC] = sent(both);
    expect(toB).toMatchObject({ PrevLogEntry: both.log.lastIndex });
    expect(toC).toBe(toB);
  });
});

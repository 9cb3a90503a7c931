/**
 * X2 of raft.md: a server loses its disk and comes back under its old ID. It may have promised to
 * keep entries that it does not have any more, so its word must not count until it has them again.
 */

import { describe, expect, it } from 'vitest';
import { ModelCluster } from '../../support/raft/model-cluster.ts';
import { ask, electionDue, leaderOf, node, othersOf } from '../../support/raft/scenes.ts';

const SEEDS = 200;
const SETTINGS = { snapshotThreshold: 60, trailingLogs: 20, snapshotIntervalMs: 1500 };

/** Everybody has more than the first configuration: who has no more than that cannot be told apart. */
function founded(made: ModelCluster): ModelCluster {
  for (const server of made.servers) made.start(server);
  for (const server of made.servers) made.bootstrap(server, made.servers);
  const begun = () => made.servers.every(({ disk }) => disk.entries.length > 1);
  expect(made.run(20_000, begun)).toBe(true);
  return made;
}

/** A leader and a follower have an acknowledged write that the other follower lacks. */
function divided() {
  const made = founded(new ModelCluster({ seed: 42, servers: 3 }));
  const leader = leaderOf(made);
  const [forgetful, behind] = othersOf(made);
  if (forgetful === undefined || behind === undefined) throw new Error('three servers');
  made.crash(behind);
  made.propose(leader, 'acknowledged');
  expect(made.run(1000, () => made.acknowledged.length === 1)).toBe(true);
  return { made, leader, forgetful, behind };
}

function states(made: ModelCluster): readonly (readonly string[])[] {
  return made.servers.map(({ state }) => state);
}

describe('X2 a server that lost its disk', () => {
  it('elects nobody who lacks what it had promised to keep', () => {
    const { made, leader, forgetful, behind } = divided();
    made.crash(leader);
    made.loseDisk(forgetful);
    made.start(behind);
    made.start(forgetful);
    expect(made.run(30_000, () => made.leader() !== undefined)).toBe(false);
    made.start(leader);
    expect(made.run(10_000, () => states(made).every((one) => one.length === 1))).toBe(true);
    expect(states(made)).toEqual([['acknowledged'], ['acknowledged'], ['acknowledged']]);
  });

  it('votes again once it has all that is committed', () => {
    const { made, leader, forgetful, behind } = divided();
    made.start(behind);
    made.loseDisk(forgetful);
    made.start(forgetful);
    expect(forgetful.node?.catchingUp).toBe(true);
    made.run(10_000, () => forgetful.node?.catchingUp === false);
    made.run(1000);
    made.crash(leader);
    made.crash(behind);
    made.start(behind);
    expect(made.run(10_000, () => made.leader() !== undefined)).toBe(true);
  });

  it('still has no vote when it is restarted before it has caught up', () => {
    const { made, leader, forgetful, behind } = divided();
    for (let at = 0; at < 300; at++) made.propose(leader, `p${at}`);
    made.run(1000);
    made.loseDisk(forgetful);
    made.start(behind);
    made.start(forgetful);
    const some = () => forgetful.disk.entries.length > 100;
    expect(made.run(5000, some)).toBe(true);
    expect(forgetful.disk.entries.length).toBeLessThan(leader.node?.log.lastIndex ?? 0);
    made.crash(forgetful);
    made.start(forgetful);
    expect(forgetful.node).toMatchObject({ catchingUp: true });
  });

  it('does not stand with half of a log, even when it is told to', () => {
    const half = { ...node([1, 4], 4), catchingUp: true };
    expect(electionDue(half)).toMatchObject({ role: 'follower', term: 4 });
    const request = {
      rpc: 'timeout-now',
      body: { ProtocolVersion: 3, ID: 'b', Addr: 'b:8300' },
    } as const;
    expect(ask(half, request).node).toMatchObject({ role: 'follower', term: 4 });
  });

  it('gives the first leader of a group its vote, and others from then on', () => {
    const made = new ModelCluster({ seed: 3, servers: 3 });
    for (const server of made.servers) made.start(server);
    const [founder, other, third] = made.servers;
    if (founder === undefined || other === undefined || third === undefined) throw new Error('3');
    made.crash(third);
    made.bootstrap(founder, made.servers);
    expect(made.run(10_000, () => made.leader() === founder)).toBe(true);
    expect(other.node).toMatchObject({ catchingUp: false });
    made.crash(founder);
    made.crash(other);
    made.start(founder);
    made.start(other);
    expect(made.run(10_000, () => made.leader() !== undefined)).toBe(true);
  });

  it(`costs no acknowledged write, one at a time, whatever else crashes, ${SEEDS} seeds`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        storm(seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  }, 120_000);
});

/** Safety is watched by the checker of the cluster at every step. */
function storm(seed: number): void {
  const made = founded(new ModelCluster({ seed, servers: 3, settings: SETTINGS }));
  let forgetful = made.pick(made.servers);
  for (let turn = 0; turn < 600; turn++) {
    const roll = made.float();
    const victim = made.pick(made.servers);
    const whole = forgetful.node !== undefined && !forgetful.node.catchingUp;
    if (roll < 0.6) made.propose(made.leader() ?? victim, `p${turn}`);
    else if (roll < 0.75) made.crash(victim);
    else if (roll < 0.9 && victim.node === undefined) made.start(victim);
    else if (roll > 0.97 && whole) {
      forgetful = victim;
      made.loseDisk(forgetful);
    }
    made.run(made.float() * 150);
  }
  for (const server of made.servers) if (server.node === undefined) made.start(server);
  made.run(10_000, () => made.leader() !== undefined);
  made.propose(leaderOf(made), 'last');
  expect(made.run(10_000, () => states(made).every((one) => one.at(-1) === 'last'))).toBe(true);
  const held = new Set(leaderOf(made).state);
  expect(made.acknowledged.filter(({ data }) => !held.has(data))).toEqual([]);
}

/**
 * Three raft actors on simulated hosts, with the real bytes on the wire and on disk: partitions,
 * kills, losses of power that tear what was not synced, full disks. What a caller was told is
 * applied must be there in the end, everywhere, once.
 */

import { describe, expect, it } from 'vitest';
import { consulSettings } from '../../machines/raft/limits.ts';
import type { RaftConfiguration } from '../../src/consensus/configuration.ts';
import { createMemoryLog, type MemoryLog } from '../../src/log.ts';
import {
  createSimulation,
  type SimulatedHost,
  type Simulation,
} from '../../src/world/simulated/simulation.ts';
import { startRaftNode, type TestNode } from '../support/raft/single.ts';

const SEEDS = Number(process.env['RAFT_ACTOR_SEEDS'] ?? 12);
const FIRST_SEED = Number(process.env['RAFT_SEED'] ?? 1);
const PORT = 8300;

interface Member {
  readonly id: string;
  readonly address: string;
  readonly host: SimulatedHost;
  readonly log: MemoryLog;
  node: TestNode | undefined;
}

class Cluster {
  readonly simulation: Simulation;
  readonly members: readonly Member[];
  readonly acknowledged: string[] = [];
  #proposals = 0;
  #lives = 0;

  constructor(seed: number, size: number) {
    this.simulation = createSimulation({ seed });
    this.members = Array.from({ length: size }, (_, at) => ({
      id: `id-${at}`,
      address: `10.0.0.${at + 1}:${PORT}`,
      host: this.simulation.host({ name: `s${at}`, addresses: [`10.0.0.${at + 1}`] }),
      log: createMemoryLog(),
      node: undefined,
    }));
  }

  get configuration(): RaftConfiguration {
    const servers = this.members.map(({ id, address }) => ({
      suffrage: 'voter' as const,
      id,
      address,
    }));
    return { servers };
  }

  start(member: Member): void {
    const { world } = member.host;
    const node = startRaftNode({
      world,
      directory: '/data/raft',
      id: member.id,
      address: member.address,
      seed: ++this.#lives * 7919,
      log: member.log,
      settings: {
        ...consulSettings(1),
        snapshotThreshold: 100,
        trailingLogs: 30,
        snapshotIntervalMs: 2000,
      },
      segmentBytesMax: 4096,
      dial: ({ address }) => {
        const [host, port] = address.split(':') as [string, string];
        return world.network.connectTcp({ host, port: Number(port), timeoutMs: 10_000 });
      },
    });
    member.node = node;
    const address = member.address.split(':')[0] as string;
    world.network
      .listenTcp({ address, port: PORT }, (stream) => node.accept(stream))
      .catch((error: unknown) => member.log.error('cannot listen', { error }));
  }

  leader(): Member | undefined {
    return this.members.find((member) => member.node?.consensus.view().role === 'leader');
  }

  propose(): void {
    const { random } = this.simulation;
    const member = this.leader() ?? this.members[random.uint32() % this.members.length];
    const data = `p${this.#proposals++}`;
    const { node } = member as Member;
    node?.consensus.apply(Buffer.from(data)).then(
      () => this.acknowledged.push(data),
      () => {},
    );
  }

  end(member: Member, how: 'kill' | 'crash'): void {
    member.node = undefined;
    member.host[how]();
  }

  /** A life may end by itself: who cannot read its disk does not serve. */
  restartIfDead(member: Member): void {
    if (member.node !== undefined && member.node.error() === undefined) return;
    this.end(member, 'kill');
    this.start(member);
  }

  /** Everybody has applied the same, and a leader takes writes. */
  /** Proposals of the turn that has not ended yet are not in any log. */
  settled(): boolean {
    const views = this.members.map((member) => member.node?.consensus.view());
    const last = views[0]?.appliedIndex ?? 0;
    return (
      views.some((view) => view?.role === 'leader') &&
      views.every((view) => view?.appliedIndex === last && view.lastIndex === last)
    );
  }
}

async function storm(cluster: Cluster, durationMs: number): Promise<void> {
  const { simulation, members } = cluster;
  const { random, network } = simulation;
  const endMs = simulation.nowMs + durationMs;
  while (simulation.nowMs < endMs) {
    const victim = members[random.uint32() % members.length] as Member;
    const roll = random.float();
    if (roll < 0.7) for (let count = random.uint32() % 8; count >= 0; count--) cluster.propose();
    else if (roll < 0.74) cluster.end(victim, random.float() < 0.5 ? 'kill' : 'crash');
    else if (roll < 0.84) {
      cluster.restartIfDead(victim);
    } else if (roll < 0.87) network.isolate(victim.host.name);
    else if (roll < 0.93) network.heal();
    else if (roll < 0.95)
      victim.host.disk.fault = ({ kind }) => (kind === 'sync' ? 'EIO' : undefined);
    else victim.host.disk.fault = undefined;
    await simulation.run(random.float() * 80);
  }
}

function describeMembers(members: readonly Member[]): string {
  const lines = members.map((member) => {
    const view = member.node?.consensus.view();
    const last = member.log.lines
      .slice(-4)
      .map((line) => `    ${line.text} ${fields(line.fields)}`);
    const state = view && `${view.role} term ${view.term} last ${view.lastIndex}`;
    return `${member.id}: ${state} ${member.node?.error() ?? ''}\n${last.join('\n')}`;
  });
  return `no agreement after healing:\n${lines.join('\n')}`;
}

function fields(of: Readonly<Record<string, unknown>>): string {
  return Object.entries(of)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

async function play(seed: number): Promise<void> {
  const cluster = await founded(seed);
  const { simulation, members } = cluster;
  await storm(cluster, 30_000);
  simulation.network.heal();
  for (const member of members) {
    member.host.disk.fault = undefined;
    cluster.restartIfDead(member);
  }
  await simulation.run(15_000);
  cluster.propose();
  await simulation.run(1);
  await simulation
    .runUntil(() => cluster.settled(), 60_000)
    .catch((error: unknown) => {
      throw new Error(describeMembers(members), { cause: error });
    });
  expect(members.map((member) => member.node?.error())).toEqual([undefined, undefined, undefined]);
  const states = members.map((member) => member.node?.applied ?? []);
  expect(states[1]).toEqual(states[0]);
  expect(states[2]).toEqual(states[0]);
  const applied = new Set(states[0]);
  expect(cluster.acknowledged.filter((data) => !applied.has(data))).toEqual([]);
  expect(cluster.acknowledged.length).toBeGreaterThan(10);
}

async function founded(seed: number): Promise<Cluster> {
  const cluster = new Cluster(seed, 3);
  const { simulation, members } = cluster;
  for (const member of members) cluster.start(member);
  await simulation.runUntil(
    () => members.every((member) => member.node?.consensus.hasState() === false),
    1000,
  );
  for (const { node } of members) void node?.consensus.bootstrap(cluster.configuration);
  await simulation.runUntil(() => cluster.leader() !== undefined, 20_000);
  await simulation.run(1000);
  return cluster;
}

describe('a snapshot from outside', () => {
  it('becomes the state of all servers, and stays it after their restart', async () => {
    const cluster = await founded(7);
    const { simulation, members } = cluster;
    for (let count = 0; count < 20; count++) cluster.propose();
    await simulation.run(1);
    await simulation.runUntil(() => cluster.settled(), 60_000);
    const consensus = cluster.leader()?.node?.consensus;
    const state = Buffer.from('["from","elsewhere"]');
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield state;
    }
    let outcome: unknown;
    consensus
      ?.restore({ index: 3, size: state.length, chunks: chunks() })
      .then(() => consensus.barrier())
      .then(
        () => {
          outcome = 'restored';
        },
        (error: unknown) => {
          outcome = error;
        },
      );
    await simulation.runUntil(() => outcome !== undefined, 60_000);
    expect(outcome).toBe('restored');
    cluster.propose();
    await simulation.run(1);
    await simulation.runUntil(() => cluster.settled(), 60_000);
    const expected = ['from', 'elsewhere', 'p20'];
    expect(members.map((member) => member.node?.applied)).toEqual([expected, expected, expected]);
    for (const member of members) {
      cluster.end(member, 'crash');
      cluster.start(member);
    }
    await simulation.run(15_000);
    cluster.propose();
    await simulation.run(1);
    await simulation.runUntil(() => cluster.settled(), 60_000);
    const after = [...expected, 'p21'];
    expect(members.map((member) => member.node?.applied)).toEqual([after, after, after]);
  });
});

describe('a leader whose snapshots are damaged', () => {
  it('takes a new one for a follower that needs it', async () => {
    const cluster = await founded(11);
    const { simulation, members } = cluster;
    const leader = cluster.leader() as Member;
    const follower = members.find((member) => member !== leader) as Member;
    cluster.end(follower, 'kill');
    for (let round = 0; round < 2; round++) {
      for (let count = 0; count < 200; count++) cluster.propose();
      await simulation.run(1_000);
      await simulation.settle(leader.node?.consensus.snapshot() ?? Promise.reject());
    }
    const { disk } = leader.host;
    const states = disk.files.filter((path) => path.endsWith('state.bin'));
    expect(states).toHaveLength(2);
    for (const path of states) disk.flipBit(path, 100);
    cluster.start(follower);
    await simulation.run(5_000);
    await simulation.runUntil(() => cluster.settled(), 60_000);
    expect(cluster.leader()).toBe(leader);
    expect(follower.node?.applied).toHaveLength(400);
    expect(follower.node?.applied).toEqual(leader.node?.applied);
    expect(disk.files.filter((path) => states.includes(path))).toHaveLength(1);
  });
});

/**
 * Two of three are left, and the one that led has to win when it has an entry that the other lacks.
 * Their connections look well and are not: what was lost on them is repeated seconds later.
 */
describe.each(['both', 'to the follower', 'to the leader'] as const)(
  'a partition that heals, cut %s',
  (cut) => {
    it.each([2_000, 3_500, 7_000])('after %i ms holds up no election', async (partedMs) => {
      const cluster = await founded(3);
      const { simulation, members } = cluster;
      const leader = cluster.leader() as Member;
      const [follower, other] = members.filter((member) => member !== leader) as [Member, Member];
      cluster.end(other, 'kill');
      const ends = [leader.host.name, follower.host.name] as const;
      const [from, to] = cut === 'to the leader' ? [ends[1], ends[0]] : ends;
      simulation.network.partition(from, to, cut === 'both' ? 'both' : 'there');
      cluster.propose();
      await simulation.run(partedMs);
      expect(cluster.leader()).toBe(undefined);
      simulation.network.heal();
      const healedMs = simulation.nowMs;
      await simulation.runUntil(() => cluster.leader() !== undefined, 60_000);
      cluster.propose();
      await simulation.runUntil(() => cluster.acknowledged.includes('p1'), 60_000);
      // The longest time between two questions who would vote, and what little the rest takes.
      expect(simulation.nowMs - healedMs).toBeLessThan(2_200);
    });
  },
);

it('a follower that was cut off hears its leader soon after', async () => {
  const cluster = await founded(3);
  const { simulation, members } = cluster;
  const leader = cluster.leader() as Member;
  const follower = members.find((member) => member !== leader) as Member;
  simulation.network.isolate(follower.host.name);
  await simulation.run(7_000);
  expect(follower.node?.consensus.view().leader).toBe(undefined);
  simulation.network.heal();
  const led = () => follower.node?.consensus.view().leader?.address === leader.address;
  // A timeout of one heartbeat, and the pause after many.
  await simulation.runUntil(led, 1_600);
});

describe('raft actors under faults', () => {
  it(`lose nothing that was acknowledged, ${SEEDS} seeds from ${FIRST_SEED}`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      try {
        await play(seed);
      } catch (error) {
        throw new Error(`RAFT_SEED=${seed} RAFT_ACTOR_SEEDS=1`, { cause: error });
      }
    }
  }, 300_000);
});

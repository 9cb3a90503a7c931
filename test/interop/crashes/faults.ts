// What is done to the servers, one after the other, in an order that a seed decides.

import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import { pause } from '../program.ts';
import { pick } from './caller.ts';
import type { CrashCluster, Node } from './cluster.ts';
import type { Probe } from './probe.ts';
import type { Room } from './room.ts';

/** A process is gone for so long. */
const DOWN_MS = [100, 900] as const;
/** About as long as it takes the others to elect another leader, at raft_multiplier 1. */
const AWAY_MS = [1_200, 3_000] as const;
/** A process that has only begun to start. */
const STARTING_MS = [50, 600] as const;
const CUT_WRITE_BYTES_MAX = 4_096;
const CUT_WRITE_MS = 150;

export interface Stage {
  readonly cluster: CrashCluster;
  readonly random: SeededRandom;
  readonly probe: Probe;
  readonly room: Room;
}

export interface Fault {
  readonly title: string;
  /** Processes that are killed with it. */
  readonly kills: number;
  play(stage: Stage): Promise<void>;
}

/** kill -9 of all these at once; they come back one by one. */
async function killed({ cluster, random }: Stage, nodes: readonly Node[]): Promise<void> {
  await Promise.all(nodes.map((node) => cluster.kill(node)));
  for (const node of nodes) {
    await pause(random.between(...DOWN_MS));
    await cluster.up(node);
  }
}

/** SIGSTOP, and SIGCONT when the others have gone on without it. */
async function stopped({ cluster, random, probe }: Stage, node: Node): Promise<void> {
  node.server.signal('SIGSTOP');
  await pause(random.between(...AWAY_MS));
  await probe.writesGoOn(cluster.others(node));
  node.server.signal('SIGCONT');
}

/**
 * A disk with no room left in the middle of a write; with room again it goes on by itself. Whoever
 * only starts would say that it cannot, and end.
 */
async function full({ cluster, random, probe, room }: Stage, node: Node): Promise<void> {
  await probe.follows(node);
  room.leave(node, Math.floor(random.between(0, CUT_WRITE_BYTES_MAX)));
  await pause(CUT_WRITE_MS);
  room.leaveNone(node);
  await pause(random.between(...AWAY_MS));
  await probe.writesGoOn(cluster.others(node));
  room.give(node);
  await probe.follows(node);
}

/** Cuts what goes from this one to the others, from them to it, or both; the others go on. */
async function cutOff(
  { cluster, random, probe }: Stage,
  node: Node,
  ways: 'from it' | 'to it' | 'both',
): Promise<void> {
  const others = cluster.others(node);
  for (const other of others) {
    if (ways !== 'to it') cluster.cut(node, other);
    if (ways !== 'from it') cluster.cut(other, node);
  }
  await pause(random.between(...AWAY_MS));
  await probe.writesGoOn(others);
  cluster.mend();
}

async function aFollower({ cluster, random }: Stage): Promise<Node> {
  return pick(random, cluster.others(await cluster.leader()));
}

/** The leader and a follower, or both followers. */
async function two({ cluster, random }: Stage): Promise<readonly Node[]> {
  const spared = random.chance(0.7) ? pick(random, cluster.others(await cluster.leader())) : null;
  return cluster.others(spared ?? (await cluster.leader()));
}

const KILLS: readonly Fault[] = [
  {
    title: 'leader killed',
    kills: 1,
    play: async (stage) => killed(stage, [await stage.cluster.leader()]),
  },
  {
    title: 'follower killed',
    kills: 1,
    play: async (stage) => killed(stage, [await aFollower(stage)]),
  },
  { title: 'two killed', kills: 2, play: async (stage) => killed(stage, await two(stage)) },
  { title: 'all killed', kills: 3, play: (stage) => killed(stage, stage.cluster.nodes) },
  {
    title: 'leader killed, and again while it starts',
    kills: 2,
    play: async (stage) => {
      const leader = await stage.cluster.leader();
      await killed(stage, [leader]);
      await pause(stage.random.between(...STARTING_MS));
      await killed(stage, [leader]);
    },
  },
  {
    title: 'leader cut off and killed',
    kills: 1,
    play: async (stage) => {
      const { cluster, random } = stage;
      const leader = await cluster.leader();
      for (const other of cluster.others(leader)) cluster.cut(leader, other);
      await pause(random.between(...DOWN_MS));
      await killed(stage, [leader]);
      cluster.mend();
    },
  },
  {
    title: 'leader killed while a follower is stopped',
    kills: 1,
    play: async (stage) => {
      const { cluster, random, probe } = stage;
      const leader = await cluster.leader();
      const follower = pick(random, cluster.others(leader));
      follower.server.signal('SIGSTOP');
      await killed(stage, [leader]);
      await probe.writesGoOn(cluster.others(follower));
      follower.server.signal('SIGCONT');
    },
  },
];

const ABSENCES: readonly Fault[] = [
  {
    title: 'leader stopped',
    kills: 0,
    play: async (stage) => stopped(stage, await stage.cluster.leader()),
  },
  {
    title: 'follower stopped',
    kills: 0,
    play: async (stage) => stopped(stage, await aFollower(stage)),
  },
];

const CUTS: readonly Fault[] = [
  {
    title: 'leader cut off',
    kills: 0,
    play: async (stage) => cutOff(stage, await stage.cluster.leader(), 'both'),
  },
  {
    title: 'leader heard but not hearing',
    kills: 0,
    play: async (stage) => cutOff(stage, await stage.cluster.leader(), 'to it'),
  },
  {
    title: 'leader hearing but not heard',
    kills: 0,
    play: async (stage) => cutOff(stage, await stage.cluster.leader(), 'from it'),
  },
  {
    title: 'leader and a follower cut apart',
    kills: 0,
    play: async ({ cluster, random }) => {
      const leader = await cluster.leader();
      const follower = pick(random, cluster.others(leader));
      cluster.cut(leader, follower);
      cluster.cut(follower, leader);
      await pause(random.between(...AWAY_MS));
      cluster.mend();
    },
  },
];

export const FULL_DISKS: readonly Fault[] = [
  {
    title: "leader's disk full",
    kills: 0,
    play: async (stage) => full(stage, await stage.cluster.leader()),
  },
  {
    title: "follower's disk full",
    kills: 0,
    play: async (stage) => full(stage, await aFollower(stage)),
  },
  {
    title: 'all disks full',
    kills: 0,
    play: async ({ cluster, random, probe, room }) => {
      for (const node of cluster.nodes) await probe.follows(node);
      for (const node of cluster.nodes) room.leaveNone(node);
      await pause(random.between(...AWAY_MS));
      for (const node of cluster.nodes) room.give(node);
    },
  },
];

/** Faults with so many kills altogether: all are played before they are shuffled again. */
export function faultsOf(
  random: SeededRandom,
  kills: number,
  disks: 'may run full' | 'stay roomy',
): readonly Fault[] {
  const deck = [
    ...KILLS,
    ...KILLS,
    ...ABSENCES,
    ...CUTS,
    ...(disks === 'may run full' ? FULL_DISKS : []),
  ];
  const faults: Fault[] = [];
  for (let left = kills; left > 0; ) {
    for (const fault of shuffled(random, deck)) {
      if (fault.kills > left) continue;
      faults.push(fault);
      left -= fault.kills;
    }
  }
  return faults;
}

function shuffled<T>(random: SeededRandom, items: readonly T[]): readonly T[] {
  const order = [...items];
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random.float() * (at + 1));
    [order[at], order[other]] = [order[other] as T, order[at] as T];
  }
  return order;
}

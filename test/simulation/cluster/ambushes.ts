/**
 * Faults that wait for the worst moment: right after a write is committed, a vote given, a log
 * shortened. What chance alone would hit once in a thousand runs they hit in most.
 */

import type { RaftNode } from '../../../machines/raft/node.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Cluster } from './cluster.ts';
import type { Fault } from './faults.ts';
import { flood } from './flood.ts';
import { startRepeating } from './repeats.ts';
import type { SimulatedServer } from './server.ts';

/** Until a leader has found where the log of who comes back agrees. */
const REPEATS_MS = 1_000;

/** Several sectors of a disk. */
const LARGE_BYTES = 2_048;

type Moment = (before: RaftNode, after: RaftNode) => boolean;

const MOMENTS = {
  'has committed': (before, after) =>
    after.role === 'leader' && after.commitIndex > before.commitIndex,
  'takes entries': (before, after) =>
    after.role === 'follower' && after.log.lastIndex > before.log.lastIndex,
  votes: (before, after) => after.votedFor !== '' && after.votedFor !== before.votedFor,
  'is elected': (before, after) => after.role === 'leader' && before.role !== 'leader',
  'shortens its log': (before, after) => after.log.lastIndex < before.log.lastIndex,
  'has a new snapshot': (before, after) => after.log.snapshot.index > before.log.snapshot.index,
  'writes a change of members': (before, after) =>
    (after.configurations.at(-1)?.index ?? 0) > (before.configurations.at(-1)?.index ?? 0),
} as const satisfies Readonly<Record<string, Moment>>;

type MomentName = keyof typeof MOMENTS;

/** What is done to who was waited for, and to the others; ends by itself. */
type Strike = (cluster: Cluster, server: SimulatedServer, random: SeededRandom) => string;

const losesPower: Strike = (cluster, server, random) => {
  down(cluster, [server], random.between(1, random.chance(0.5) ? 30 : 2_000));
  return 'it loses power';
};

const othersLosePower: Strike = (cluster, server, random) => {
  const others = cluster.servers.filter((other) => other !== server);
  down(cluster, others, random.between(1, 300));
  return 'the others lose power';
};

/**
 * Nearly all lose power at once: what they had not synced is gone. Some come back last, so that the
 * others must do without what only those have.
 */
const upheaval: Strike = (cluster, server, random) => {
  const { servers } = cluster;
  const minority = 1 + Math.floor((random.float() * (servers.length - 1)) / 2);
  const order = [...servers].sort(() => random.float() - 0.5);
  const last = random.chance(0.5) ? [server] : order.slice(0, minority);
  const first = servers.filter((one) => !last.includes(one) && random.chance(0.8));
  down(cluster, first, random.between(1, 100));
  down(cluster, last, random.between(2_000, 6_000));
  const names = (of: readonly SimulatedServer[]) => of.map(({ host }) => host.name).join(' ');
  return `${names(first)} lose power, and ${names(last)} for longer`;
};

const cutOff: Strike = ({ simulation, clock }, { host }, random) => {
  const ms = random.between(1_000, 5_000);
  simulation.network.isolate(host.name);
  clock.setTimeout(() => simulation.network.heal(), ms);
  return `it is cut off for ${ms.toFixed(0)} ms`;
};

/**
 * So much that is not committed yet, and then nobody to commit it with. Who leads next is told to
 * write as much: two long logs that disagree, and a snapshot in the midst of it.
 */
const floodedAndCutOff: Strike = (cluster, server, random) => {
  const count = flood(server, random);
  cluster.lieInWait((next, before, after) => {
    if (next === server || !MOMENTS['is elected'](before, after)) return false;
    cluster.strikeIn(random.between(0, 300), () => flood(next, random));
    cluster.strikeIn(600, () => next.consensus?.snapshot().catch(() => {}));
    return true;
  });
  const { simulation, clock } = cluster;
  const ms = random.between(2_500, 5_000);
  simulation.network.isolate(server.host.name);
  clock.setTimeout(() => simulation.network.heal(), ms);
  return `it is told to write ${count} keys, and cut off for ${ms.toFixed(0)} ms`;
};

/**
 * So much that is not committed yet, cut off just until others have committed something else; and
 * when it is back, the new leader looks for where they agree, and repeats itself meanwhile.
 */
export const floodedAndOverwritten: Strike = (cluster, server, random) => {
  const count = flood(server, random);
  const { simulation, clock } = cluster;
  const ms = random.between(1_500, 3_000);
  simulation.network.isolate(server.host.name);
  clock.setTimeout(() => {
    simulation.network.heal();
    cluster.strikeIn(0, () => {
      const end = startRepeating(cluster, random, [1, 10]);
      clock.setTimeout(end, REPEATS_MS);
    });
  }, ms);
  return `it is told to write ${count} keys, cut off for ${ms.toFixed(0)} ms and told of others`;
};

const stopped: Strike = (cluster, server, random) =>
  `it is ${stop(cluster, server, random.between(500, 4_000), random)}`;

/** Half of the time it is alone as well when it goes on: nobody tells it what it has missed. */
export function stop(
  { simulation, clock }: Cluster,
  { host }: SimulatedServer,
  ms: number,
  random: SeededRandom,
): string {
  host.freeze(ms);
  if (random.chance(0.5)) return `stopped for ${ms.toFixed(0)} ms`;
  simulation.network.isolate(host.name);
  clock.setTimeout(() => simulation.network.heal(), ms + random.between(50, 500));
  return `stopped for ${ms.toFixed(0)} ms, and cut off`;
}

const STRIKES = [
  losesPower,
  othersLosePower,
  upheaval,
  upheaval,
  cutOff,
  floodedAndCutOff,
  floodedAndOverwritten,
  stopped,
] as const;

/** At once or a few milliseconds later: between a promise and the disk that keeps it. */
const DELAY_MS_MAX = 3;

function down(cluster: Cluster, servers: readonly SimulatedServer[], ms: number): void {
  for (const server of servers) server.end('crash');
  cluster.clock.setTimeout(() => {
    for (const server of servers) server.start();
  }, ms);
}

export function ambush(moment: MomentName, strikes: readonly Strike[] = STRIKES): Fault {
  return (cluster, random) => {
    const strike = strikes[Math.floor(random.float() * strikes.length)] as Strike;
    const delayMs = random.chance(0.5) ? 0 : random.between(0, DELAY_MS_MAX);
    const cancel = cluster.lieInWait((server, before, after) => {
      if (!MOMENTS[moment](before, after)) return false;
      cluster.strikeIn(delayMs, () =>
        cluster.note(`${server.host.name} ${moment}: ${strike(cluster, server, random)}`),
      );
      return true;
    });
    return { text: `somebody lies in wait until a server ${moment}`, end: cancel };
  };
}

/** Power fails while a write of several sectors is on its way to the disk: some of them arrive. */
export const largeWriteTorn: Fault = (cluster, random) => {
  const cancel = cluster.lieInWait((server, before, after) => {
    if (after.log.bytes - before.log.bytes < LARGE_BYTES) return false;
    cluster.strikeIn(random.between(0, cluster.disk.syncMs[1]), () => {
      down(cluster, [server], random.between(1, 300));
      cluster.note(`${server.host.name} loses power while it writes much`);
    });
    return true;
  });
  return { text: 'power will fail where much is written', end: cancel };
};

/**
 * Whoever is elected is told to write much and falls at once, and the one before comes back: the
 * way to entries of former terms on a majority. (Raft paper, figure 8)
 */
export const leadersFall: Fault = (cluster, random) => {
  let fallen: SimulatedServer | undefined;
  let over = false;
  const fall = (server: SimulatedServer): void => {
    if (over) return;
    server.end('crash');
    fallen?.start();
    fallen = server;
    cluster.note(`${server.host.name} was elected and loses power`);
  };
  const cancel = cluster.lieInWait((server, before, after) => {
    if (!MOMENTS['is elected'](before, after)) return false;
    const ms = random.between(0, random.chance(0.5) ? 5 : 80);
    const flooded = random.chance(0.7);
    if (flooded) cluster.strikeIn(0, () => flood(server, random));
    cluster.strikeIn(ms, () => fall(server));
    return false;
  });
  return {
    text: 'whoever is elected falls',
    end: () => {
      over = true;
      cancel();
      fallen?.start();
    },
  };
};

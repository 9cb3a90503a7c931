/**
 * Faults that wait for the worst moment: right after a write is committed, a vote given, a log
 * shortened. What chance alone would hit once in a thousand runs they hit in most.
 */

import type { RaftNode } from '../../../machines/raft/node.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { Cluster } from './cluster.ts';
import type { Fault } from './faults.ts';
import { flood } from './flood.ts';
import type { SimulatedServer } from './server.ts';

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

/** Who was waited for comes back last: the others must do without what only it has. */
const allLosePower: Strike = (cluster, server, random) => {
  const others = cluster.servers.filter((other) => other !== server);
  down(cluster, others, random.between(1, 300));
  down(cluster, [server], random.between(2_000, 6_000));
  return 'all lose power, and it comes back last';
};

/** It goes, and with it some others for a moment: what they had not synced is gone. */
const someLosePower: Strike = (cluster, server, random) => {
  const others = cluster.servers.filter((other) => other !== server && random.chance(0.5));
  down(cluster, others, random.between(1, 100));
  down(cluster, [server], random.between(1_000, 5_000));
  const names = [server, ...others].map(({ host }) => host.name);
  return `${names.join(' ')} lose power, and it comes back last`;
};

const cutOff: Strike = ({ simulation, clock }, { host }, random) => {
  const ms = random.between(1_000, 5_000);
  simulation.network.isolate(host.name);
  clock.setTimeout(() => simulation.network.heal(), ms);
  return `it is cut off for ${ms.toFixed(0)} ms`;
};

/** So much that is not committed yet, and then nobody to commit it with. */
const floodedAndCutOff: Strike = (cluster, server, random) => {
  const count = flood(server, random);
  return `it is told to write ${count} keys, and ${cutOff(cluster, server, random)}`;
};

const stopped: Strike = (_, { host }, random) => {
  const ms = random.between(500, 4_000);
  host.freeze(ms);
  return `it is stopped for ${ms.toFixed(0)} ms`;
};

const STRIKES = [
  losesPower,
  othersLosePower,
  allLosePower,
  someLosePower,
  cutOff,
  floodedAndCutOff,
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

export function ambush(moment: MomentName): Fault {
  return (cluster, random) => {
    const strike = STRIKES[Math.floor(random.float() * STRIKES.length)] as Strike;
    const delayMs = random.chance(0.5) ? 0 : random.between(0, DELAY_MS_MAX);
    const cancel = cluster.lieInWait((server, before, after) => {
      if (!MOMENTS[moment](before, after)) return false;
      cluster.clock.setTimeout(() => {
        cluster.note(`${server.host.name} ${moment}: ${strike(cluster, server, random)}`);
      }, delayMs);
      return true;
    });
    return { text: `somebody lies in wait until a server ${moment}`, end: cancel };
  };
}

/** What can befall a group of servers. Each fault begins, lasts a while and ends. */

import type { RaftNode } from '../../../machines/raft/node.ts';
import { votersOf } from '../../../src/consensus/configuration.ts';
import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import { ambush, floodedAndOverwritten, largeWriteTorn, leadersFall, stop } from './ambushes.ts';
import type { Cluster } from './cluster.ts';
import { flood } from './flood.ts';
import { leaderDeafened, leaderOversleeps } from './left-behind.ts';
import { leaderRepeats } from './repeats.ts';
import type { SimulatedServer } from './server.ts';

/** A fault that has begun. */
export interface Misfortune {
  /** For the story of a run. */
  readonly text: string;
  end?(): void;
}

/** Losses of power in one crash loop. */
const CRASHES = 3;

/** Begins; `undefined` when there is nobody to be struck. */
export type Fault = (cluster: Cluster, random: SeededRandom) => Misfortune | undefined;

function pick<T>(random: SeededRandom, items: readonly T[]): T {
  return items[Math.floor(random.float() * items.length)] as T;
}

/** The leader as often as anybody: most that can go wrong goes wrong there. */
function victimOf({ leader, servers }: Cluster, random: SeededRandom): SimulatedServer {
  return leader !== undefined && random.chance(0.4) ? leader : pick(random, servers);
}

const killed: Fault = (cluster, random) => {
  const server = victimOf(cluster, random);
  server.end('kill');
  return { text: `${server.host.name} is killed`, end: () => server.start() };
};

const powerLost: Fault = (cluster, random) => {
  const server = victimOf(cluster, random);
  server.end('crash');
  return { text: `${server.host.name} loses power`, end: () => server.start() };
};

const allLost: Fault = ({ servers }) => {
  for (const server of servers) server.end('crash');
  return {
    text: 'power fails everywhere',
    end: () => {
      for (const server of servers) server.start();
    },
  };
};

const isolated: Fault = (cluster, random) => {
  const { name } = victimOf(cluster, random).host;
  const { network } = cluster.simulation;
  network.isolate(name);
  return { text: `${name} is cut off`, end: () => network.heal() };
};

/** One direction of one link. */
const oneWay: Fault = (cluster, random) => {
  const from = victimOf(cluster, random).host.name;
  const to = pick(random, cluster.servers).host.name;
  if (from === to) return undefined;
  const { network } = cluster.simulation;
  network.partition(from, to, 'there');
  return { text: `nothing gets from ${from} to ${to}`, end: () => network.heal() };
};

/** Two parts that cannot talk; sometimes one server reaches both. */
const split: Fault = (cluster, random) => {
  const names = cluster.servers.map(({ host }) => host.name);
  const left = names.filter(() => random.chance(0.5));
  const right = names.filter((name) => !left.includes(name));
  if (left.length === 0 || right.length === 0) return undefined;
  const bridge = random.chance(0.3) ? pick(random, names) : undefined;
  const { network } = cluster.simulation;
  network.partition(
    left.filter((name) => name !== bridge),
    right.filter((name) => name !== bridge),
  );
  const over = bridge === undefined ? '' : `, but for ${bridge}`;
  return { text: `${left.join(' ')} | ${right.join(' ')}${over}`, end: () => network.heal() };
};

const slowNetwork: Fault = ({ simulation, link }, random) => {
  const loss = random.chance(0.5) ? random.between(0.01, 0.2) : 0;
  const most = random.between(5, 300);
  simulation.network.link('*', '*', { loss, latencyMs: [1, most], split: 0.3 });
  return {
    text: `links take up to ${most.toFixed(0)} ms and lose ${(100 * loss).toFixed(0)} %`,
    end: () => simulation.network.link('*', '*', link),
  };
};

const connectionsReset: Fault = (cluster, random) => {
  const { name } = victimOf(cluster, random).host;
  const count = cluster.simulation.network.reset(name, '*');
  return { text: `${count} connections of ${name} are reset` };
};

/**
 * One end of each connection is gone and says so only when the other writes: what is on its way
 * arrives beside what the next connection brings.
 */
const connectionsLost: Fault = (cluster, random) => {
  const { name } = victimOf(cluster, random).host;
  const count = cluster.simulation.network.reset(name, '*', 'there');
  return { text: `${name} loses its ends of ${count} connections` };
};

/** It comes up, and goes down again before it has found its place; three times over. */
const crashLoop: Fault = (cluster, random) => {
  const server = victimOf(cluster, random);
  let left = CRASHES;
  const down = (): void => {
    server.end('crash');
    cluster.clock.setTimeout(up, random.between(1, 100));
  };
  const up = (): void => {
    server.start();
    left -= 1;
    if (left > 0) cluster.strikeIn(random.between(0.1, 30), down);
  };
  down();
  return { text: `${server.host.name} loses power ${CRASHES} times` };
};

const flooded: Fault = ({ leader }, random) => {
  if (leader === undefined) return undefined;
  return { text: `${leader.host.name} is told to write ${flood(leader, random)} keys` };
};

const frozen: Fault = (cluster, random) => {
  const server = victimOf(cluster, random);
  const how = stop(cluster, server, random.between(50, 4_000), random);
  return { text: `${server.host.name} is ${how}` };
};

const clockJumps: Fault = (cluster, random) => {
  const { host } = victimOf(cluster, random);
  const hours = random.between(-48, 48);
  host.clockSkewMs = hours * 3_600_000;
  return {
    text: `the clock of ${host.name} jumps by ${hours.toFixed(1)} h`,
    end: () => {
      host.clockSkewMs = 0;
    },
  };
};

/** Ten per cent either way is far worse than any quartz. */
const clockDrifts: Fault = (cluster, random) => {
  const { host } = victimOf(cluster, random);
  host.clockRate = random.between(0.9, 1.1);
  return {
    text: `the clock of ${host.name} runs at ${host.clockRate.toFixed(2)}`,
    end: () => {
      host.clockRate = 1;
    },
  };
};

const diskSlow: Fault = (cluster, random) => {
  const { host } = victimOf(cluster, random);
  host.disk.settings = { ...cluster.disk, latencyMs: [1, 20], syncMs: [20, 400] };
  return {
    text: `the disk of ${host.name} is slow`,
    end: () => {
      host.disk.settings = cluster.disk;
    },
  };
};

const diskFull: Fault = (cluster, random) => {
  const { host } = victimOf(cluster, random);
  const { usedBytes } = host.disk;
  host.disk.settings = { ...cluster.disk, capacityBytes: usedBytes + random.between(0, 2_000) };
  return {
    text: `the disk of ${host.name} is full`,
    end: () => {
      host.disk.settings = cluster.disk;
    },
  };
};

/** Writes, syncs and replacements fail now and then; those that fail may have been done in part. */
const diskFails: Fault = (cluster, random) => {
  const server = victimOf(cluster, random);
  const { host } = server;
  const chance = random.between(0.05, 0.5);
  host.disk.fault = ({ kind }) =>
    (kind === 'write' || kind === 'sync' || kind === 'replace') && random.chance(chance)
      ? 'EIO'
      : undefined;
  return {
    text: `${(100 * chance).toFixed(0)} % of what the disk of ${host.name} is asked fails`,
    end: () => {
      host.disk.fault = undefined;
      server.start();
    },
  };
};

/**
 * Once in a run, while everybody votes and no change is under way anywhere: the entries of a majority
 * must not be lost.
 */
function mayLoseOne(cluster: Cluster): boolean {
  return !cluster.replaced && cluster.servers.every(({ node }) => allVote(node, cluster));
}

function allVote(node: RaftNode | undefined, { servers }: Cluster): boolean {
  const [committed, ...open] = node?.configurations ?? [];
  if (committed === undefined || open.length > 0) return false;
  return votersOf(committed.configuration).length === servers.length;
}

const diskLost: Fault = (cluster, random) => {
  if (!mayLoseOne(cluster)) return undefined;
  const server = victimOf(cluster, random);
  server.loseDisk();
  return {
    text: `${server.host.name} loses its disk, and comes back as ${server.id}`,
    end: () => {
      server.start();
      cluster.readmit();
    },
  };
};

/**
 * Whether its server notices now, at its next start, or when it sends a snapshot: it refuses to
 * start, and is another one from then on, or nothing is lost.
 */
const bitFlipped: Fault = (cluster, random) => {
  if (!mayLoseOne(cluster)) return undefined;
  const server = victimOf(cluster, random);
  const { name } = server.host;
  if (random.chance(0.3)) return { text: `a bit of ${server.rot(random)} of ${name} turns around` };
  server.end('crash');
  return {
    text: `${name} loses power, and a bit of ${server.rot(random)} turns around`,
    end: () => {
      server.start();
      cluster.readmit();
    },
  };
};

const transfer: Fault = (cluster, random) => {
  const { leader } = cluster;
  if (leader === undefined) return undefined;
  const to = random.chance(0.5) ? pick(random, cluster.servers) : undefined;
  const target = to && { id: to.id, address: to.address };
  leader.consensus?.leadershipTransfer(target).catch(() => {});
  return { text: `${leader.host.name} hands leadership to ${to?.host.name ?? 'anybody'}` };
};

const snapshot: Fault = (cluster, random) => {
  const server = pick(random, cluster.servers);
  server.consensus?.snapshot().catch(() => {});
  return { text: `${server.host.name} takes a snapshot` };
};

const membership: Fault = (cluster, random) => {
  const { leader } = cluster;
  const consensus = leader?.consensus;
  // Who takes votes away while a voter is lost for good may be left without a majority.
  if (consensus === undefined || cluster.replaced) return undefined;
  const { id, address, host } = pick(random, cluster.servers);
  const options = { prevIndex: random.chance(0.2) ? lastChange(leader?.node) : 0 };
  const [text, change] = pick(random, [
    ['removed', () => consensus.removeServer(id, options)],
    ['demoted', () => consensus.demoteVoter(id, options)],
    ['added without a vote', () => consensus.addNonvoter(id, address, options)],
    ['given a vote', () => consensus.addVoter(id, address, options)],
    ['given a vote', () => consensus.addVoter(id, address, options)],
  ] as const);
  change().catch(() => {});
  return {
    text: `${host.name} is ${text}`,
    end: () => {
      cluster.leader?.consensus?.addVoter(id, address, { prevIndex: 0 }).catch(() => {});
    },
  };
};

function lastChange(node: RaftNode | undefined): number {
  return node?.configurations.at(-1)?.index ?? 0;
}

export const FAULTS = {
  killed,
  powerLost,
  allLost,
  isolated,
  oneWay,
  split,
  slowNetwork,
  connectionsReset,
  connectionsLost,
  crashLoop,
  flooded,
  frozen,
  clockJumps,
  clockDrifts,
  diskSlow,
  diskFull,
  diskFails,
  diskLost,
  bitFlipped,
  transfer,
  snapshot,
  membership,
  commitAmbushed: ambush('has committed'),
  entriesAmbushed: ambush('takes entries'),
  voteAmbushed: ambush('votes'),
  electionAmbushed: ambush('is elected'),
  truncationAmbushed: ambush('shortens its log'),
  snapshotAmbushed: ambush('has a new snapshot'),
  largeWriteTorn,
  leadersFall,
  leaderOversleeps,
  leaderDeafened,
  leaderRepeats,
  leaderOverwritten: ambush('has committed', [floodedAndOverwritten]),
  changeAmbushed: ambush('writes a change of members'),
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultKind = keyof typeof FAULTS;

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

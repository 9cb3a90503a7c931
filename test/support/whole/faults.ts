/** What can befall a federation: each fault begins, lasts a while and ends, all by chance. */

import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { WholeFederation } from './federation.ts';
import type { WholeGateway } from './gateway.ts';
import { DATACENTERS, type Dc } from './plan.ts';
import type { WholeServer } from './server.ts';

/** A fault that has begun. */
export interface Misfortune {
  /** For the report of a failed run. */
  readonly text: string;
  readonly lastsMs: number;
  end(): void;
}

/** Begins; nothing when there is nobody to be struck. */
export type Fault = (federation: WholeFederation, random: SeededRandom) => Misfortune | undefined;

const MINUTE = 60_000;

export function pick<T>(random: SeededRandom, items: readonly T[]): T {
  const item = items[Math.floor(random.float() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

const aWhile = (random: SeededRandom): number => random.between(4_000, 25_000);

const anyDc = (random: SeededRandom): Dc => pick(random, DATACENTERS);

/** Packets between the datacenters are lost. */
export const wanLoss: Fault = (federation, random) => {
  const loss = random.between(0.05, 0.4);
  federation.wanLoss(loss);
  return {
    text: `the WAN loses ${(100 * loss).toFixed(0)} %`,
    lastsMs: aWhile(random),
    end: () => federation.wanLoss(0),
  };
};

export const gatewayDies: Fault = (federation, random) => {
  const gateway = pick(random, federation.gateways);
  const hard = random.chance(0.5);
  if (hard) gateway.crash();
  else gateway.kill();
  return {
    text: `${gateway.id}.${gateway.dc} ${hard ? 'loses power' : 'is killed'}`,
    lastsMs: aWhile(random),
    end: () => gateway.start(),
  };
};

/** When all of a datacenter move at once, nothing that was known leads there any more. */
export const gatewaysMove: Fault = (federation, random) => {
  const dc = anyDc(random);
  const all = random.chance(0.5);
  const moving = federation.gatewaysOf(dc).filter((one, n) => one.mayMove && (all || n === 0));
  for (const gateway of moving) gateway.move();
  federation.nameDoor();
  return {
    text: all ? `all gateways of ${dc} move` : `a gateway of ${dc} moves`,
    lastsMs: aWhile(random),
    end: () => {},
  };
};

/** Power fails in the whole primary. */
export const primaryLost: Fault = (federation, random) => {
  const gatewaysToo = random.chance(0.5);
  const lost: readonly (WholeServer | WholeGateway)[] = [
    ...federation.serversOf('dc1'),
    ...(gatewaysToo ? federation.gatewaysOf('dc1') : []),
  ];
  for (const one of lost) one.crash();
  return {
    text: `dc1 loses power for a minute${gatewaysToo ? ', gateways too' : ''}`,
    lastsMs: MINUTE,
    end: () => {
      for (const one of lost) one.start();
    },
  };
};

/** What the leader had not made durable is lost or torn. */
export const leaderCrashes: Fault = (federation, random) => {
  const leader = federation.leaderOf(anyDc(random));
  if (leader === undefined) return undefined;
  leader.crash();
  return {
    text: `${leader.name}, the leader, loses power`,
    lastsMs: aWhile(random),
    end: () => leader.start(),
  };
};

export const serverKilled: Fault = (federation, random) => {
  const server = pick(random, federation.servers);
  server.kill();
  return {
    text: `${server.name} is killed`,
    lastsMs: random.between(100, 20_000),
    end: () => server.start(),
  };
};

/** Between the datacenters, sometimes in one direction only. */
export const partition: Fault = (federation, random) => {
  const { network } = federation.simulation;
  const [from, to] = random.chance(0.5) ? DATACENTERS : (['dc2', 'dc1'] as const);
  const both = random.chance(0.7);
  network.partition(federation.hostsOf(from), federation.hostsOf(to), both ? 'both' : 'there');
  return {
    text: `no way from ${from} to ${to}${both ? ' and back' : ''}`,
    lastsMs: aWhile(random),
    end: () => network.heal(),
  };
};

/** A server that nobody can reach, and that reaches nobody. */
export const serverIsolated: Fault = (federation, random) => {
  const { network } = federation.simulation;
  const server = pick(random, federation.servers);
  network.isolate(server.host.name);
  return {
    text: `${server.name} is cut off`,
    lastsMs: aWhile(random),
    end: () => network.heal(),
  };
};

export const FAULTS: readonly Fault[] = [
  wanLoss,
  gatewayDies,
  gatewaysMove,
  primaryLost,
  leaderCrashes,
  serverKilled,
  partition,
  serverIsolated,
];

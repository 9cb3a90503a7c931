/** What can befall a federation, each fault for some seconds, by chance. */

import type { SeededRandom } from '../../../src/world/simulated/random.ts';
import type { WholeFederation } from './federation.ts';
import type { WholeGateway } from './gateway.ts';
import { DATACENTERS, type Dc } from './plan.ts';
import type { WholeServer } from './server.ts';

/** What happened, for the failure report. */
export type Note = (text: string) => void;

type Fault = (federation: WholeFederation, random: SeededRandom, note: Note) => Promise<void>;

const MINUTE = 60_000;

function pick<T>(random: SeededRandom, items: readonly T[]): T {
  const item = items[Math.floor(random.float() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

const some = (random: SeededRandom): number => random.between(4_000, 25_000);

const anyDc = (random: SeededRandom): Dc => pick(random, DATACENTERS);

/** Packets between the datacenters are lost. */
const wanLoss: Fault = async (federation, random, note) => {
  const loss = random.between(0.05, 0.4);
  note(`the WAN loses ${(100 * loss).toFixed(0)} %`);
  federation.wanLoss(loss);
  await federation.simulation.run(some(random));
  federation.wanLoss(0);
};

const gatewayDies: Fault = async (federation, random, note) => {
  const gateway = pick(random, federation.gateways);
  const hard = random.chance(0.5);
  note(`${gateway.id}.${gateway.dc} ${hard ? 'loses power' : 'is killed'}`);
  if (hard) gateway.crash();
  else gateway.kill();
  await federation.simulation.run(some(random));
  gateway.start();
};

/** All gateways of a datacenter at once: nothing that was known leads there any more. */
const gatewaysMove: Fault = async (federation, random, note) => {
  const dc = anyDc(random);
  const all = random.chance(0.5);
  const moving = federation
    .gatewaysOf(dc)
    .filter((gateway, n) => gateway.mayMove && (all || n === 0));
  note(`${all ? 'all gateways' : 'a gateway'} of ${dc} move${all ? '' : 's'}`);
  for (const gateway of moving) gateway.move();
  federation.nameDoor();
  await federation.simulation.run(some(random));
};

/** Power fails in the whole primary. */
const primaryLost: Fault = async (federation, random, note) => {
  const withGateways = random.chance(0.5);
  note(`dc1 loses power for a minute${withGateways ? ', gateways too' : ''}`);
  const lost: readonly (WholeServer | WholeGateway)[] = [
    ...federation.serversOf('dc1'),
    ...(withGateways ? federation.gatewaysOf('dc1') : []),
  ];
  for (const one of lost) one.crash();
  await federation.simulation.run(MINUTE);
  for (const one of lost) one.start();
};

/** What the leader had not made durable is lost or torn. */
const leaderCrashes: Fault = async (federation, random, note) => {
  const dc = anyDc(random);
  const leader = federation.leaderOf(dc);
  if (leader === undefined) return;
  note(`${leader.name}, the leader, loses power`);
  leader.crash();
  await federation.simulation.run(some(random));
  leader.start();
};

const serverKilled: Fault = async (federation, random, note) => {
  const server = pick(random, federation.servers);
  note(`${server.name} is killed`);
  server.kill();
  await federation.simulation.run(random.between(100, 20_000));
  server.start();
};

/** A partition between the datacenters, sometimes in one direction only. */
const partition: Fault = async (federation, random, note) => {
  const [from, to] = random.chance(0.5) ? DATACENTERS : (['dc2', 'dc1'] as const);
  const direction = random.chance(0.7) ? 'both' : 'there';
  note(`no way from ${from} to ${to}${direction === 'both' ? ' and back' : ''}`);
  federation.simulation.network.partition(
    federation.hostsOf(from),
    federation.hostsOf(to),
    direction,
  );
  await federation.simulation.run(some(random));
  federation.simulation.network.heal();
};

/** A server that its own datacenter cannot reach. */
const serverIsolated: Fault = async (federation, random, note) => {
  const server = pick(random, federation.servers);
  note(`${server.name} is cut off`);
  federation.simulation.network.isolate(server.host.name);
  await federation.simulation.run(some(random));
  federation.simulation.network.heal();
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

/** Every kind of fault once, in an order by chance, some of them while the one before goes on. */
export async function befall(
  federation: WholeFederation,
  random: SeededRandom,
  note: Note,
): Promise<void> {
  const { simulation } = federation;
  for (const fault of shuffled(FAULTS, random)) {
    await fault(federation, random, note);
    await simulation.run(random.between(0, 8_000));
  }
}

function shuffled<T>(items: readonly T[], random: SeededRandom): readonly T[] {
  return items
    .map((item) => ({ item, at: random.float() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

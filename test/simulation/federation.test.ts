/**
 * Goal: three datacenters find each other through gateways and find each other again, whatever
 * dies, moves or restarts. First a time of faults drawn from the seed, then everything is healed and
 * must converge: every store holds the truth of every datacenter, every path works, the mode is
 * local. A failing run prints its seed.
 */

import { describe, expect, test } from 'vitest';
import { createFederation, type FederationWorld } from '../support/federation-world.ts';

const NAMES = ['dc1', 'dc2', 'dc3'];
const MINUTE = 60_000;

/** What is not as it should be; empty when the federation is whole. */
function faultsOf(world: FederationWorld): string[] {
  const faults: string[] = [];
  for (const dc of world.datacenters) {
    if (!dc.up) {
      faults.push(`${dc.name} is down`);
      continue;
    }
    const { choices } = dc.picker;
    if (choices.mode !== 'local') faults.push(`${dc.name} dials directly`);
    const wanted = dc.truth('lan').join();
    if (choices.local.join() !== wanted) faults.push(`${dc.name} has ${choices.local} as its own`);
    if (choices.primary.join() !== world.of('dc1').truth('wan').join()) {
      faults.push(`${dc.name} has ${choices.primary} as the primary's`);
    }
    for (const other of world.datacenters) {
      if (dc.believes(other.name).join() !== other.truth('wan').join()) {
        faults.push(`${dc.name} believes ${dc.believes(other.name)} of ${other.name}`);
      }
    }
  }
  return faults;
}

async function converges(world: FederationWorld, limitMs: number): Promise<void> {
  const until = world.simulation.nowMs + limitMs;
  while (faultsOf(world).length > 0) {
    if (world.simulation.nowMs >= until) {
      throw new Error(
        `seed ${world.simulation.seed}: after ${limitMs} ms still\n  ${faultsOf(world).join('\n  ')}`,
      );
    }
    await world.simulation.run(1000);
  }
  for (const from of world.datacenters) {
    for (const to of world.datacenters) {
      if (from !== to) await world.simulation.settle(from.connect(to.name));
    }
  }
}

const alive = (world: FederationWorld, dc: string, value: boolean): void => {
  for (const gateway of world.gateways) if (gateway.dc === dc) gateway.alive = value;
};

describe('a federation of three datacenters', () => {
  test('starts from nothing but the address of the primary gateways', async () => {
    const world = createFederation({
      seed: 1,
      names: NAMES,
      gatewaysEach: 1,
      primaryGateways: 'fixed',
    });
    await converges(world, MINUTE);
    expect(world.simulation.nowMs).toBeLessThan(45_000);
  });

  test('a gateway of a secondary gets a new address: a way round, then the own one again', async () => {
    const world = createFederation({
      seed: 2,
      names: NAMES,
      gatewaysEach: 1,
      primaryGateways: 'fixed',
    });
    await converges(world, MINUTE);
    world.move('dc2');
    await world.simulation.run(1000);
    await converges(world, 2 * MINUTE);
  });

  test('a secondary without gateways goes direct after three failures and comes back', async () => {
    const world = createFederation({
      seed: 3,
      names: NAMES,
      gatewaysEach: 1,
      primaryGateways: 'fixed',
    });
    await converges(world, MINUTE);
    alive(world, 'dc2', false);
    await world.simulation.run(MINUTE);
    const path = await world.simulation.settle(world.of('dc2').connect('dc1'));
    expect(path.gateways.map((g) => g.dc)).toEqual(['dc1']);
    alive(world, 'dc2', true);
    await converges(world, 3 * MINUTE);
    const back = await world.simulation.settle(world.of('dc2').connect('dc1'));
    expect(back.gateways.map((g) => g.dc)).toEqual(['dc2', 'dc1']);
  });

  test('the primary is lost for three minutes; secondaries keep their way to each other', async () => {
    const world = createFederation({
      seed: 4,
      names: NAMES,
      gatewaysEach: 1,
      primaryGateways: 'fixed',
    });
    await converges(world, MINUTE);
    world.of('dc1').kill();
    await world.simulation.run(3 * MINUTE);
    const path = await world.simulation.settle(world.of('dc2').connect('dc3'));
    expect(path.gateways.map((g) => g.dc)).toEqual(['dc2', 'dc3']);
    world.of('dc1').start();
    await converges(world, 5 * MINUTE);
  });

  test('all primary gateways move while a secondary is down: discovery brings it back, no restart', async () => {
    const world = createFederation({
      seed: 5,
      names: NAMES,
      gatewaysEach: 2,
      primaryGateways: 'discovery',
    });
    await converges(world, MINUTE);
    world.of('dc2').kill();
    await world.simulation.run(MINUTE);
    world.move('dc1');
    await world.simulation.run(MINUTE);
    world.of('dc2').start();
    await converges(world, 5 * MINUTE);
  });

  test('all gateways of all datacenters move at once: discovery brings everybody back', async () => {
    const world = createFederation({
      seed: 6,
      names: NAMES,
      gatewaysEach: 2,
      primaryGateways: 'discovery',
    });
    await converges(world, MINUTE);
    for (const dc of NAMES) world.move(dc);
    await world.simulation.run(1000);
    await converges(world, 10 * MINUTE);
  });

  test('a secondary that was cut off for four days joins anew by itself', async () => {
    const world = createFederation({
      seed: 7,
      names: NAMES,
      gatewaysEach: 1,
      primaryGateways: 'fixed',
    });
    await converges(world, MINUTE);
    alive(world, 'dc2', false);
    alive(world, 'dc1', false);
    await world.simulation.run(60 * MINUTE);
    alive(world, 'dc1', true);
    alive(world, 'dc2', true);
    await converges(world, 10 * MINUTE);
  });

  test('no member of the house is sent a message that nobody receives', async () => {
    const world = createFederation({
      seed: 8,
      names: NAMES,
      gatewaysEach: 1,
      primaryGateways: 'fixed',
    });
    await converges(world, MINUTE);
    for (const dc of world.datacenters) {
      expect(dc.log.lines.filter((line) => line.text === 'dead letter')).toEqual([]);
      expect(dc.log.lines.filter((line) => line.text === 'child failed')).toEqual([]);
    }
  });
});

describe('faults by chance, then healing', () => {
  const SEEDS = Array.from({ length: 25 }, (_, i) => 1000 + i);
  test.each(SEEDS)('seed %i converges', async (seed) => {
    const world = createFederation({
      seed,
      names: NAMES,
      gatewaysEach: 1 + (seed % 2),
      primaryGateways: 'discovery',
    });
    const { random } = world.simulation;
    const pick = <T>(items: readonly T[]): T =>
      items[Math.floor(random.float() * items.length)] as T;
    for (let step = 0; step < 20; step++) {
      const fault = random.float();
      const dc = pick(world.datacenters);
      if (fault < 0.35) {
        const gateway = pick(world.gateways);
        gateway.alive = !gateway.alive;
      } else if (fault < 0.5) world.move(dc.name);
      else if (fault < 0.65) {
        if (dc.up) dc.kill();
        else dc.start();
      } else if (fault < 0.75) dc.loseLeadership();
      await world.simulation.run(random.float() * MINUTE);
    }
    for (const gateway of world.gateways) gateway.alive = true;
    for (const dc of world.datacenters) dc.start();
    await converges(world, 15 * MINUTE);
  });
});

// Pools of actors on simulated hosts: sockets, streams, files, keys and timers as in an agent.

import { describe, expect, test } from 'vitest';
import { createSimulation, type Simulation } from '../../../src/world/simulated/simulation.ts';
import {
  type GossipMember,
  type GossipMemberOptions,
  startGossipMember,
} from '../../support/gossip-member.ts';

const KEY = Buffer.alloc(32, 5).toString('base64');
const SEED = Number(process.env['SEED'] ?? 1);

type Options = Partial<Omit<GossipMemberOptions, 'world' | 'config' | 'address'>>;

async function startMembers(
  simulation: Simulation,
  count: number,
  options: Options = {},
): Promise<GossipMember[]> {
  const members: GossipMember[] = [];
  for (let index = 0; index < count; index++) {
    const name = `n${index}`;
    const address = `10.1.0.${index + 1}`;
    const host = simulation.host({ name, addresses: [address] });
    const start = startGossipMember({
      world: host.world,
      address,
      port: 8301,
      config: { name },
      ...options,
    });
    members.push(await simulation.settle(start));
  }
  return members;
}

async function joinAll(simulation: Simulation, members: readonly GossipMember[]): Promise<void> {
  for (const member of members.slice(1)) {
    const join = member.post.ask(
      'gossip.lan',
      { type: 'members.join', addresses: ['n0'], oldEvents: 'ignore' },
      { timeoutMs: 30_000 },
    );
    expect((await simulation.settle(join)).joined).toBe(1);
  }
}

function allAlive(members: readonly GossipMember[]): boolean {
  return members.every((member) => members.every(({ name }) => member.status(name) === 'alive'));
}

describe('a pool of actors', () => {
  test.each([
    ['plain', {}],
    ['encrypted', { encrypt: KEY }],
  ] as const)('%s: converges, stays calm under loss, sees a kill', async (_name, options) => {
    const simulation = createSimulation({ seed: SEED, link: { loss: 0.02, duplicate: 0.02 } });
    const members = await startMembers(simulation, 6, options);
    await joinAll(simulation, members);
    await simulation.runUntil(() => allAlive(members), 60_000);
    await simulation.run(60_000);
    for (const member of members) {
      expect(member.changes.filter((change) => change.kind === 'failed')).toEqual([]);
    }
    const [first, victim] = members as [GossipMember, GossipMember];
    victim.kill();
    await simulation.runUntil(() => first.status(victim.name) === 'failed', 60_000);
  });

  test('one with another key is refused, and told why', async () => {
    const simulation = createSimulation({ seed: SEED });
    const members = await startMembers(simulation, 2, { encrypt: KEY });
    const host = simulation.host({ name: 'stranger', addresses: ['10.1.0.99'] });
    const stranger = await simulation.settle(
      startGossipMember({
        world: host.world,
        address: '10.1.0.99',
        port: 8301,
        config: { name: 'stranger' },
        encrypt: Buffer.alloc(16, 1).toString('base64'),
      }),
    );
    const join = stranger.post.ask(
      'gossip.lan',
      { type: 'members.join', addresses: ['10.1.0.1'], oldEvents: 'ignore' },
      { timeoutMs: 30_000 },
    );
    await expect(simulation.settle(join)).rejects.toThrow('Failed to join 10.1.0.1:8301');
    const lines = members[0]?.log.lines.map((line) => line.text);
    expect(lines).toContain('No installed keys could decrypt the message');
  });

  test('a crash and a restart: the snapshot leads back, the key ring file is kept', async () => {
    const simulation = createSimulation({ seed: SEED });
    const [first] = await startMembers(simulation, 1, { encrypt: KEY });
    const host = simulation.host({ name: 'other', addresses: ['10.1.0.50'] });
    const start = async (encrypt: string): Promise<GossipMember> =>
      startGossipMember({
        world: host.world,
        address: '10.1.0.50',
        port: 8301,
        config: { name: 'other' },
        encrypt,
        snapshot: '/data/local.snapshot',
        keyRing: '/data/local.keyring',
      });
    await simulation.settle(host.world.disk.makeDirectory('/data'));
    const before = await simulation.settle(start(KEY));
    const join = before.post.ask(
      'gossip.lan',
      { type: 'members.join', addresses: ['n0'], oldEvents: 'ignore' },
      { timeoutMs: 30_000 },
    );
    await simulation.settle(join);
    await simulation.run(5_000);
    host.kill();
    await simulation.run(1_000);
    const after = await simulation.settle(start(''));
    await simulation.runUntil(() => after.status('n0') === 'alive', 10_000);
    expect(first?.status('other')).toBe('alive');
  });

  test('leaving answers when it is over, and the rest sees it left', async () => {
    const simulation = createSimulation({ seed: SEED });
    const members = await startMembers(simulation, 4);
    await joinAll(simulation, members);
    await simulation.runUntil(() => allAlive(members), 60_000);
    const leaver = members[3] as GossipMember;
    const left = leaver.post.ask('gossip.lan', { type: 'members.leave' }, { timeoutMs: 30_000 });
    await simulation.settle(left);
    leaver.kill();
    await simulation.run(20_000);
    for (const member of members.slice(0, 3)) expect(member.status(leaver.name)).toBe('left');
    const late = leaver.post.ask(
      'gossip.lan',
      { type: 'tags.set', tags: {} },
      { timeoutMs: 1_000 },
    );
    await expect(simulation.settle(late)).rejects.toThrow();
  });

  test('two hosts that cannot talk heal when they can', async () => {
    const simulation = createSimulation({ seed: SEED });
    const members = await startMembers(simulation, 4);
    await joinAll(simulation, members);
    await simulation.runUntil(() => allAlive(members), 60_000);
    simulation.network.partition(['n0', 'n1'], ['n2', 'n3']);
    const [first] = members as [GossipMember];
    await simulation.runUntil(() => first.status('n2') === 'failed', 90_000);
    simulation.network.heal();
    await simulation.runUntil(() => allAlive(members), 180_000);
  });
});

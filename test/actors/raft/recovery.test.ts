/** Recovery by `peers.json`: what the file may hold, and two of three servers lost for ever. */

import { describe, expect, it } from 'vitest';
import { parsePeersFile } from '../../../actors/raft/peers-file.ts';
import { consulSettings } from '../../../machines/raft/limits.ts';
import { createMemoryLog } from '../../../src/log.ts';
import {
  createSimulation,
  type SimulatedHost,
  type Simulation,
} from '../../../src/world/simulated/simulation.ts';
import { startRaftNode, type TestNode } from '../../support/raft/single.ts';

const KNOWN = [{ id: 'id-1', address: '10.0.0.1:8300' }];
const PEERS = '/data/raft/peers.json';

describe('peers.json', () => {
  it('names servers by ID and address, with or without a vote', () => {
    const text = JSON.stringify([
      { id: 'a', address: '10.0.0.1:8300', non_voter: false },
      { id: 'b', address: '10.0.0.2:8300', non_voter: true },
      { id: 'c', address: '[::1]:8300' },
    ]);
    expect(parsePeersFile(text, []).servers).toEqual([
      { suffrage: 'voter', id: 'a', address: '10.0.0.1:8300' },
      { suffrage: 'nonvoter', id: 'b', address: '10.0.0.2:8300' },
      { suffrage: 'voter', id: 'c', address: '[::1]:8300' },
    ]);
  });

  it('may be a list of addresses that are known', () => {
    expect(parsePeersFile('["10.0.0.1:8300"]', KNOWN).servers).toEqual([
      { suffrage: 'voter', id: 'id-1', address: '10.0.0.1:8300' },
    ]);
  });

  it.each([
    ['', 'it is not JSON'],
    ['{"id": "a"}', 'it must hold a list of servers'],
    ['[]', 'Need at least one voter in configuration: {[]}'],
    ['[7]', 'server 1 of 1 must be an object with "id" and "address"'],
    ['[{"id": "a"}]', 'server 1 of 1: "address" must be a text that is not empty'],
    ['[{"id": "", "address": "x:1"}]', 'server 1 of 1: "id" must be a text that is not empty'],
    ['[{"id": "a", "address": "x:1", "non_voter": "no"}]', '"non_voter" must be true or false'],
    ['[{"id": "a", "address": "x:1", "non_voter": true}]', 'Need at least one voter'],
    [
      '[{"id": "a", "address": "x:1"}, {"id": "a", "address": "y:1"}]',
      'Found duplicate ID in configuration: a',
    ],
    ['["10.0.0.9:8300"]', 'the log knows no server at "10.0.0.9:8300"; name it by {"id": '],
  ])('refuses %s', (text, reason) => {
    expect(() => parsePeersFile(text, KNOWN)).toThrow(reason);
  });
});

interface Member {
  readonly id: string;
  readonly address: string;
  readonly host: SimulatedHost;
  readonly log: ReturnType<typeof createMemoryLog>;
  node: TestNode;
}

function member(simulation: Simulation, at: number): Member {
  const address = `10.0.0.${at}`;
  const host = simulation.host({ name: `s${at}`, addresses: [address] });
  const made = { id: `id-${at}`, address: `${address}:8300`, host, log: createMemoryLog() };
  return { ...made, node: life(made) };
}

/** A life of the server; its log on disk has small segments, and snapshots come soon. */
function life({ id, address, host, log }: Omit<Member, 'node'>): TestNode {
  const { world } = host;
  const [ip, port] = address.split(':') as [string, string];
  const node = startRaftNode({
    world,
    directory: '/data/raft',
    id,
    address,
    seed: 7,
    log,
    settings: {
      ...consulSettings(1),
      snapshotThreshold: 60,
      trailingLogs: 10,
      snapshotIntervalMs: 2000,
    },
    segmentBytesMax: 4096,
    dial: (peer) => {
      const [host] = peer.address.split(':') as [string];
      return world.network.connectTcp({ host, port: Number(port), timeoutMs: 1000 });
    },
  });
  world.network
    .listenTcp({ address: ip, port: Number(port) }, (stream) =>
      node.error() === undefined ? node.accept(stream) : stream.destroy(),
    )
    .catch((error: unknown) => log.error('cannot listen', { error }));
  return node;
}

function leads(one: Member): boolean {
  return one.node.consensus.view().role === 'leader';
}

/** Three servers with so many writes, the last of them known only where they were written. */
async function threeServers(seed: number, writes: number) {
  const simulation = createSimulation({ seed });
  const members = [1, 2, 3].map((at) => member(simulation, at));
  await simulation.run(100);
  const servers = members.map(({ id, address }) => ({ suffrage: 'voter' as const, id, address }));
  for (const one of members) await simulation.settle(one.node.consensus.bootstrap({ servers }));
  await simulation.runUntil(() => members.some(leads), 30_000);
  const leader = members.find(leads) as Member;
  for (let at = 0; at < writes; at++) {
    const done = leader.node.consensus.apply(Buffer.from(`k${at}`));
    await simulation.settle(done);
    if (at % 20 === 0) await simulation.run(500);
  }
  return { simulation, members, leader };
}

async function put(simulation: Simulation, one: Member, content: unknown): Promise<void> {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const { disk } = one.host.world;
  await simulation.settle(disk.writeFileAtomic(PEERS, Buffer.from(text)));
}

function restart(one: Member): void {
  one.host.kill();
  one.node = life(one);
}

const texts = (one: Member): readonly string[] => one.log.lines.map((line) => line.text);

describe('S15 recovery', () => {
  it.each([1, 2, 3, 4, 5, 6])('goes on alone with all that was written (seed %i)', async (seed) => {
    const { simulation, members, leader } = await threeServers(seed, 40 * seed);
    const left = seed % 2 === 0 ? leader : (members.find((one) => one !== leader) as Member);
    await simulation.run(1000);
    for (const one of members) one.host.crash();
    left.node = life(left);
    await simulation.run(10_000);
    expect(leads(left)).toBe(false);
    await put(simulation, left, [{ id: left.id, address: left.address }]);
    restart(left);
    await simulation.runUntil(() => leads(left), 30_000);
    await simulation.settle(left.node.consensus.barrier());
    const written = Array.from({ length: 40 * seed }, (_, at) => `k${at}`);
    expect(left.node.applied).toEqual(written);
    expect(left.node.consensus.view().configuration.servers).toEqual([
      { suffrage: 'voter', id: left.id, address: left.address },
    ]);
    expect(await simulation.settle(left.host.world.disk.exists(PEERS))).toBe(false);
    expect(texts(left)).toContain('deleted peers.json file after successful recovery');

    // From now on it is a group like any other: it writes, starts again, and takes others in.
    await simulation.settle(left.node.consensus.apply(Buffer.from('after')));
    restart(left);
    await simulation.runUntil(() => leads(left), 30_000);
    const fresh = member(simulation, 9);
    await simulation.settle(
      left.node.consensus.addVoter(fresh.id, fresh.address, { prevIndex: 0 }),
    );
    await simulation.runUntil(() => fresh.node.applied.length > written.length, 30_000);
    expect(fresh.node.applied).toEqual([...written, 'after']);
  });

  it('takes the IDs of a list of addresses from the log', async () => {
    const { simulation, members } = await threeServers(21, 5);
    for (const one of members) one.host.crash();
    const [a, b] = members as [Member, Member, Member];
    a.node = life(a);
    b.node = life(b);
    await simulation.run(100);
    for (const one of [a, b]) {
      await put(simulation, one, [a.address, b.address]);
      restart(one);
    }
    await simulation.runUntil(() => leads(a) || leads(b), 30_000);
    const { servers } = a.node.consensus.view().configuration;
    expect(servers.map((server) => server.id)).toEqual([a.id, b.id]);
  });

  it.each([
    ['[{"id": "id-1"}]', 'recovery failed to parse peers.json: server 1 of 1: "address" must be'],
    ['nonsense', 'recovery failed to parse peers.json: it is not JSON'],
  ])('refuses %s and leaves everything as it was', async (content, reason) => {
    const { simulation, members } = await threeServers(31, 5);
    const [a] = members as [Member];
    await put(simulation, a, content);
    restart(a);
    await simulation.run(2000);
    expect(String(a.node.error())).toContain(reason);
    expect(await simulation.settle(a.host.world.disk.exists(PEERS))).toBe(true);
    await simulation.settle(a.host.world.disk.remove(PEERS));
    restart(a);
    await simulation.runUntil(() => a.node.applied.length === 5, 30_000);
    expect(a.node.consensus.view().configuration.servers).toHaveLength(3);
  });

  it('refuses to make a group out of nothing', async () => {
    const simulation = createSimulation({ seed: 41 });
    const one = member(simulation, 1);
    await simulation.run(100);
    await put(simulation, one, [{ id: one.id, address: one.address }]);
    restart(one);
    await simulation.run(100);
    expect(String(one.node.error())).toContain(
      'recovery failed: refused to recover cluster with no initial state',
    );
  });

  it('deletes a file from before the first start, and explains it beside', async () => {
    const simulation = createSimulation({ seed: 51 });
    const host = simulation.host({ name: 's1', addresses: ['10.0.0.1'] });
    const made = { id: 'id-1', address: '10.0.0.1:8300', host, log: createMemoryLog() };
    await simulation.settle(host.world.disk.makeDirectory('/data/raft'));
    await simulation.settle(host.world.disk.writeFileAtomic(PEERS, Buffer.from('[]')));
    const one = { ...made, node: life(made) };
    await simulation.run(100);
    expect(one.node.error()).toBe(undefined);
    expect(await simulation.settle(host.world.disk.list('/data/raft'))).toContain('peers.info');
    expect(await simulation.settle(host.world.disk.exists(PEERS))).toBe(false);
    expect(texts(one)).toContain('deleted peers.json file (see peers.info for details)');
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('may be cut off anywhere (seed %i)', async (seed) => {
    const { simulation, members } = await threeServers(60 + seed, 70);
    await simulation.run(1000);
    for (const one of members) one.host.crash();
    const [left] = members as [Member];
    left.node = life(left);
    await simulation.run(100);
    await put(simulation, left, [{ id: left.id, address: left.address }]);
    restart(left);
    for (let life = 0; life < 5; life++) {
      await simulation.run(((seed * 5 + life) % 13) * 0.7);
      left.host.crash();
      restart(left);
    }
    await simulation.runUntil(() => leads(left), 30_000);
    await simulation.settle(left.node.consensus.barrier());
    expect(left.node.applied).toEqual(Array.from({ length: 70 }, (_, at) => `k${at}`));
    expect(left.node.consensus.view().configuration.servers).toHaveLength(1);
  });
});

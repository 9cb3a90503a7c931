// Whole pools over the pure step function: convergence, detection times, loss, partitions, leaving.

import { describe, expect, test } from 'vitest';
import { LAN_TIMING } from '../../../machines/gossip/config.ts';
import { createKeyRing } from '../../../src/wire/gossip/keyring.ts';
import { agree, PoolPump, type PumpedNode } from '../../support/pool-pump.ts';

function failures(nodes: readonly PumpedNode[]): string[] {
  return nodes.flatMap((node) =>
    node.changes
      .filter((change) => change.kind === 'failed')
      .map((change) => `${node.name} saw ${change.member.name} fail`),
  );
}

describe('convergence', () => {
  test.each([3, 10, 50])('%i nodes that join one of them all know all', (count) => {
    const pump = new PoolPump();
    const nodes = pump.pool(count);
    // Gossip alone may miss one of many thousand deliveries; the next push/pull mends it.
    for (let second = 0; second < 120 && !agree(nodes, nodes); second++) pump.run(1_000);
    expect(agree(nodes, nodes)).toBe(true);
    expect(pump.now).toBeLessThan(90_000);
    pump.run(20_000);
    expect(failures(nodes)).toEqual([]);
    for (const node of nodes) expect(node.state.incarnation).toBe(1);
  });

  test('a pool of 200 that all join at once agrees', { timeout: 120_000 }, () => {
    const pump = new PoolPump();
    const nodes = pump.pool(200);
    pump.run(40_000);
    expect(agree(nodes, nodes)).toBe(true);
  });
});

describe('failure detection', () => {
  test.each([
    { count: 2, atLeastMs: 4_000, atMostMs: 6_600 },
    { count: 3, atLeastMs: 4_000, atMostMs: 8_000 },
    // Two confirmations are possible from four nodes on: 4 s with them, 24 s with none.
    { count: 4, atLeastMs: 4_000, atMostMs: 32_000 },
    { count: 10, atLeastMs: 4_000, atMostMs: 32_000 },
    { count: 50, atLeastMs: 6_700, atMostMs: 75_000 },
  ])('a killed node of $count is failed everywhere in time', ({ count, atLeastMs, atMostMs }) => {
    const pump = new PoolPump({ seed: count });
    const nodes = pump.pool(count);
    pump.run(20_000);
    const victim = nodes[1] as PumpedNode;
    const rest = nodes.filter((node) => node !== victim);
    pump.kill(victim);
    const outcome = pump.runUntil(() => agree(rest, rest), 120_000);
    expect(outcome.done).toBe(true);
    expect(outcome.tookMs).toBeGreaterThan(atLeastMs);
    expect(outcome.tookMs).toBeLessThan(atMostMs);
    for (const node of rest) expect(node.status(victim.name)).toBe('failed');
  });

  test('5 % loss makes nobody fail', () => {
    const pump = new PoolPump({ loss: 0.05, seed: 7 });
    const nodes = pump.pool(20);
    pump.run(300_000);
    expect(failures(nodes)).toEqual([]);
    expect(agree(nodes, nodes)).toBe(true);
  });

  test('a node that answers only streams stays alive, with a warning', () => {
    const pump = new PoolPump();
    const nodes = pump.pool(2);
    pump.run(5_000);
    const [a, b] = nodes as readonly [PumpedNode, PumpedNode];
    pump.datagrams = () => false;
    pump.run(60_000);
    expect(agree(nodes, nodes)).toBe(true);
    const text =
      'Was able to connect to node1 but other probes failed, network may be misconfigured';
    expect(a.logs).toContain(text);
    expect(failures([a, b])).toEqual([]);
  });

  test('one that is unreachable for some is kept alive by indirect pings', () => {
    const pump = new PoolPump();
    const nodes = pump.pool(6);
    pump.run(5_000);
    const [a, b] = nodes as readonly [PumpedNode, PumpedNode];
    pump.reachable = (from, to) => !((from === a && to === b) || (from === b && to === a));
    pump.run(120_000);
    expect(failures(nodes)).toEqual([]);
    expect(agree(nodes, nodes)).toBe(true);
  });

  test('a suspect that hears of it refutes with a higher incarnation', () => {
    const pump = new PoolPump();
    const nodes = pump.pool(8);
    pump.run(5_000);
    const victim = nodes[3] as PumpedNode;
    pump.reachable = (from, to) => from !== victim && to !== victim;
    pump.run(2_500);
    pump.reachable = () => true;
    pump.run(30_000);
    expect(victim.status(victim.name)).toBe('alive');
    expect(victim.state.counts.refutations).toBeGreaterThan(0);
    expect(victim.state.incarnation).toBeGreaterThan(1);
    expect(agree(nodes, nodes)).toBe(true);
  });

  test('a failed send goes to indirect pings and suspicion without waiting', () => {
    const pump = new PoolPump();
    const [a, b, c] = pump.pool(3) as readonly [PumpedNode, PumpedNode, PumpedNode];
    pump.run(5_000);
    pump.runUntil(() => a.state.probe !== null, 5_000);
    const { probe } = a.state;
    const to = { name: probe?.target ?? '', address: '', port: 0 };
    expect(probe?.phase).toBe('direct');
    const before = pump.packets;
    pump.feed(a, {
      type: 'packets.failed',
      failures: [{ to, error: new Error('Remote DC has no server currently reachable') }],
    });
    expect(a.state.probe?.phase).toBe('indirect');
    expect(pump.packets).toBe(before + 1);
    expect([b.name, c.name]).toContain(to.name);
  });
});

describe('partitions', () => {
  test('both sides fail each other, and find each other again', () => {
    const pump = new PoolPump({ seed: 3 });
    const nodes = pump.pool(10);
    pump.run(10_000);
    const left = nodes.slice(0, 5);
    const right = nodes.slice(5);
    const side = (node: PumpedNode): boolean => left.includes(node);
    pump.reachable = (from, to) => side(from) === side(to);
    const split = pump.runUntil(() => agree(left, left) && agree(right, right), 120_000);
    expect(split.done).toBe(true);
    pump.reachable = () => true;
    const healed = pump.runUntil(() => agree(nodes, nodes), 180_000);
    expect(healed.done).toBe(true);
  });
});

describe('leaving', () => {
  test('who leaves is left, never failed', () => {
    const pump = new PoolPump();
    const nodes = pump.pool(5);
    pump.run(5_000);
    const leaver = nodes[2] as PumpedNode;
    const rest = nodes.filter((node) => node !== leaver);
    pump.feed(leaver, { type: 'pool.leave' });
    const told = pump.runUntil(() => leaver.state.waits.size === 0, 5_000);
    expect(told.done).toBe(true);
    pump.feed(leaver, { type: 'pool.depart' });
    pump.runUntil(() => leaver.state.waits.size === 0, 5_000);
    pump.kill(leaver);
    pump.run(30_000);
    for (const node of rest) expect(node.status(leaver.name)).toBe('left');
    expect(failures(rest)).toEqual([]);
  });

  test('force-leave turns failed into left, and prune forgets', () => {
    const pump = new PoolPump();
    const nodes = pump.pool(4);
    pump.run(5_000);
    const [a, b, c, d] = nodes as readonly [PumpedNode, PumpedNode, PumpedNode, PumpedNode];
    pump.kill(d);
    pump.runUntil(() => agree([a, b, c], [a, b, c]), 60_000);
    const first = pump.ask<null>();
    pump.feed(a, { type: 'members.force-leave', name: d.name, prune: false, reply: first.reply });
    pump.run(5_000);
    expect(first.asked.answer).toBeNull();
    for (const node of [a, b, c]) expect(node.status(d.name)).toBe('left');
    const second = pump.ask<null>();
    pump.feed(b, { type: 'members.force-leave', name: d.name, prune: true, reply: second.reply });
    pump.run(5_000);
    for (const node of [a, b, c]) expect(node.status(d.name)).toBe('none');
  });

  test('a live node that is forced to leave stays', () => {
    const pump = new PoolPump();
    const [a, b, c] = pump.pool(3) as readonly [PumpedNode, PumpedNode, PumpedNode];
    pump.run(5_000);
    const { reply } = pump.ask<null>();
    pump.feed(a, { type: 'members.force-leave', name: c.name, prune: false, reply });
    pump.run(10_000);
    for (const node of [a, b, c]) expect(node.status(c.name)).toBe('alive');
  });
});

describe('names and addresses', () => {
  test('a restart at the same address comes back with its new tags', () => {
    const pump = new PoolPump();
    const [a, b] = pump.pool(2) as readonly [PumpedNode, PumpedNode];
    pump.run(5_000);
    pump.kill(b);
    const again = pump.start(b.name, {
      address: b.config.address,
      tags: { role: 'node', color: 'blue' },
    });
    pump.join(again, a);
    pump.run(10_000);
    expect(a.status(b.name)).toBe('alive');
    expect(a.state.members.get(b.name)?.tags['color']).toBe('blue');
    expect(again.state.incarnation).toBeGreaterThan(1);
  });

  test('another address is refused at first and taken after the reclaim time', () => {
    const pump = new PoolPump();
    const [a, b] = pump.pool(2) as readonly [PumpedNode, PumpedNode];
    pump.run(5_000);
    pump.kill(b);
    pump.runUntil(() => a.status(b.name) === 'failed', 30_000);
    const again = pump.start(b.name, { address: '10.9.9.9' });
    pump.join(again, a);
    pump.run(5_000);
    expect(a.status(b.name)).toBe('failed');
    expect(a.logs.some((text) => text.startsWith('Conflicting address for node1'))).toBe(true);
    pump.run(30_000);
    pump.join(again, a);
    pump.run(5_000);
    expect(a.status(b.name)).toBe('alive');
    expect(a.state.members.get(b.name)?.address).toBe('10.9.9.9');
  });

  test('without a reclaim time the address never moves', () => {
    const pump = new PoolPump({ config: { timing: LAN_TIMING } });
    const [a, b] = pump.pool(2) as readonly [PumpedNode, PumpedNode];
    pump.run(5_000);
    pump.kill(b);
    pump.runUntil(() => a.status(b.name) === 'failed', 30_000);
    pump.run(20_000);
    const again = pump.start(b.name, { address: '10.9.9.9' });
    pump.join(again, a);
    pump.run(2_000);
    expect(a.status(b.name)).toBe('failed');
  });
});

describe('two nodes of one name', () => {
  test('the pool holds with the first, the second yields', () => {
    const pump = new PoolPump({ config: { nameConflict: 'resolve' } });
    const nodes = pump.pool(5);
    pump.run(5_000);
    const first = nodes[1] as PumpedNode;
    const second = pump.start(first.name, { address: '10.7.7.7' });
    pump.join(second, nodes[0] as PumpedNode);
    pump.run(20_000);
    expect(second.state.ousted).toBe(true);
    expect(first.state.ousted).toBe(false);
    expect(nodes[0]?.state.members.get(first.name)?.address).toBe(first.config.address);
  });

  test('strangers cannot fill the log', () => {
    const pump = new PoolPump();
    const node = pump.start('a');
    const packets = Array.from({ length: 1_000 }, () => ({
      from: { address: '10.6.6.6', port: 1 },
      bytes: Buffer.of(99),
    }));
    pump.feed(node, { type: 'packets.received', packets });
    expect(node.logs.length).toBeLessThan(50);
    expect(node.state.counts.packetsUnreadable).toBe(1_000);
  });
});

describe('events, queries, keys', () => {
  test('a user event reaches everybody once', () => {
    const pump = new PoolPump({ loss: 0.05 });
    const nodes = pump.pool(30);
    pump.run(5_000);
    const { asked, reply } = pump.ask<bigint>();
    pump.feed(nodes[4] as PumpedNode, {
      type: 'user-event.fire',
      name: 'deploy',
      payload: Buffer.from('v1'),
      coalesce: false,
      reply,
    });
    pump.run(90_000);
    expect(asked.answer).toBe(1n);
    for (const node of nodes) expect(node.events.map((event) => event.name)).toEqual(['deploy']);
  });

  test('a late joiner that ignores old events does not see them', () => {
    const pump = new PoolPump();
    const [a] = pump.pool(2) as readonly [PumpedNode];
    pump.run(5_000);
    const { reply } = pump.ask<bigint>();
    const fire = { type: 'user-event.fire', name: 'old', payload: Buffer.alloc(0) } as const;
    pump.feed(a, { ...fire, coalesce: false, reply });
    pump.run(5_000);
    const late = pump.start('late');
    pump.join(late, a);
    pump.run(60_000);
    expect(late.events).toEqual([]);
  });

  test('events that are too long are refused with the known text', () => {
    const pump = new PoolPump();
    const a = pump.start('a');
    const { asked, reply } = pump.ask<bigint>();
    const payload = Buffer.alloc(600);
    pump.feed(a, { type: 'user-event.fire', name: 'x', payload, coalesce: false, reply });
    expect(asked.error?.message).toBe(
      'user event exceeds configured limit of 512 bytes before encoding',
    );
  });

  test('a query brings acks and answers of those who are meant', () => {
    const pump = new PoolPump();
    const nodes = pump.pool(6);
    pump.run(5_000);
    const { asked, reply } = pump.ask<{
      readonly acks: readonly string[];
      readonly responses: readonly { readonly from: string; readonly payload: Uint8Array }[];
    }>();
    pump.feed(nodes[0] as PumpedNode, {
      type: 'query.start',
      name: 'uptime',
      payload: Buffer.alloc(0),
      filters: [{ kind: 'nodes', names: ['node1', 'node3'] }],
      acks: 'request',
      relayFactor: 2,
      timeoutMs: 0,
      reply,
    });
    pump.run(1_500);
    for (const node of nodes) {
      for (const query of node.queries) {
        const payload = Buffer.from(node.name);
        const done = pump.ask<null>();
        pump.feed(node, { type: 'query.respond', key: query.key, payload, reply: done.reply });
        expect(done.asked.answer).toBeNull();
      }
    }
    pump.run(10_000);
    expect([...(asked.answer?.acks ?? [])].sort()).toEqual(['node1', 'node3']);
    const answers = asked.answer?.responses.map(({ payload }) => Buffer.from(payload).toString());
    expect(answers?.sort()).toEqual(['node1', 'node3']);
  });

  test('keys rotate through a pool without a flap', () => {
    const first = Buffer.alloc(16, 1);
    const second = Buffer.alloc(32, 2);
    const ring = createKeyRing([first]);
    if (!ring.ok) throw new Error(ring.error);
    const pump = new PoolPump({ keyRing: ring.value });
    const nodes = pump.pool(5);
    pump.run(5_000);
    const asker = nodes[0] as PumpedNode;
    const steps = [
      { operation: 'install', key: second },
      { operation: 'use', key: second },
      { operation: 'remove', key: first },
    ] as const;
    for (const step of steps) {
      const { asked, reply } = pump.ask<{ readonly error: string; readonly nodes: number }>();
      pump.feed(asker, { type: 'keys.change', ...step, relayFactor: 0, reply });
      pump.run(10_000);
      expect(asked.answer).toMatchObject({ error: '', nodes: 5 });
    }
    const { asked, reply } = pump.ask<{ readonly keys: Readonly<Record<string, number>> }>();
    const list = { operation: 'list', key: Buffer.alloc(0), relayFactor: 1 } as const;
    pump.feed(asker, { type: 'keys.change', ...list, reply });
    pump.run(60_000);
    expect(asked.answer?.keys).toEqual({ [second.toString('base64')]: 5 });
    expect(agree(nodes, nodes)).toBe(true);
    expect(failures(nodes)).toEqual([]);
  });
});

describe('tags and snapshots', () => {
  test('new tags reach everybody', () => {
    const pump = new PoolPump();
    const nodes = pump.pool(4);
    pump.run(5_000);
    const { asked, reply } = pump.ask<null>();
    const tags = { role: 'node', acls: '1' };
    pump.feed(nodes[1] as PumpedNode, { type: 'tags.set', tags, reply });
    pump.run(5_000);
    expect(asked.answer).toBeNull();
    for (const node of nodes) expect(node.state.members.get('node1')?.tags).toEqual(tags);
  });

  test('a restarted node finds its pool again through its snapshot', () => {
    const pump = new PoolPump();
    const [a, b] = pump.pool(2) as readonly [PumpedNode, PumpedNode];
    pump.run(5_000);
    pump.kill(b);
    const alive = new Map([[a.name, `${a.config.address}:8301`]]);
    const snapshot = { alive, clock: 5n, eventClock: 2n, queryClock: 0n };
    const again = pump.start(b.name, { address: b.config.address }, { snapshot });
    pump.run(5_000);
    expect(again.status(a.name)).toBe('alive');
    expect(again.state.eventMin).toBe(3n);
  });
});

describe('admission', () => {
  const lan = {
    kind: 'consul-lan',
    datacenter: 'dc1',
    nodeId: 'id-a',
    nodeName: 'a',
    segment: '',
  } as const;

  test('a client of another datacenter is refused on both sides', () => {
    const pump = new PoolPump();
    const a = pump.start('a', { admission: lan, tags: { role: 'node', dc: 'dc1', id: 'id-a' } });
    const b = pump.start('b', { tags: { role: 'node', dc: 'dc2', id: 'id-b' } });
    pump.join(b, a);
    pump.run(2_000);
    expect(a.status('b')).toBe('none');
    expect(a.logs.join('\n')).toContain(
      "Failed push/pull merge: Member 'b' part of wrong datacenter 'dc2'",
    );
    const asked = pump.join(a, b);
    pump.run(2_000);
    expect(asked.error?.message).toContain("Member 'b' part of wrong datacenter 'dc2'");
  });
});

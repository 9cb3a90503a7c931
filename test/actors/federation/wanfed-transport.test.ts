/**
 * The transport over a simulated network: two datacenters whose local addresses are the same, a
 * gateway each, nothing else between them.
 */

import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { createBus } from '../../../actors/bus.ts';
import { createLinkCounts } from '../../../actors/federation/packet-links.ts';
import { createWanfedTransportActor } from '../../../actors/federation/wanfed-transport.ts';
import type { Message } from '../../../machines/messages.ts';
import { type GatewayChoices, noChoices } from '../../../src/federation/gateway-choices.ts';
import { createGatewayPicker } from '../../../src/federation/gateway-picker.ts';
import { createMemoryLog } from '../../../src/log.ts';
import { receivePackets } from '../../../src/port/packet-link.ts';
import { ALPN_SERVER_ORDER, TlsConfigurator } from '../../../src/tls/configurator.ts';
import { encodePacketFrame } from '../../../src/wire/wanfed/packets.ts';
import { simulatedAuthority } from '../../../src/world/simulated/certificates.ts';
import { createSimulation, type Simulation } from '../../../src/world/simulated/simulation.ts';
import type { ByteStream, World } from '../../../src/world/world.ts';
import { membersView, server } from '../../support/federation-fixture.ts';
import { sniGateway } from '../../support/sni-gateway.ts';
import { streamPair } from '../../support/stream-pair.ts';
import vectors from '../../vectors/wanfed.json' with { type: 'json' };

const authority = simulatedAuthority('federation');

/** The same in every datacenter: only names tell servers apart. */
const SERVER_AT = { address: '10.0.0.1', port: 8300 };
const GATEWAY_LAN = '10.0.0.9';
const GATEWAY_PORT = 8443;
const WAN = { dc1: '1.1.1.1', dc2: '2.2.2.2', dc3: '3.3.3.3' } as const;

type Dc = keyof typeof WAN;

function material(node: string, dc: Dc) {
  const names = [`${node}.server.${dc}.consul`, `server.${dc}.consul`];
  return {
    caPem: [authority.pem],
    identity: authority.issue({ commonName: `server.${dc}.consul`, names }),
  };
}

interface Arrival {
  readonly at: string;
  readonly sni: string | null;
  readonly alpn: string | null;
  readonly text: string;
}

/** The server port of a datacenter, as far as gossip goes. */
async function serverPort(world: World, node: string, dc: Dc, arrivals: Arrival[]) {
  const accepted: ByteStream[] = [];
  await world.network.listenTcp(SERVER_AT, (raw) => {
    accepted.push(raw);
    world.network
      .tlsServer(raw, {
        ...material(node, dc),
        clientCertificate: 'require',
        alpn: ALPN_SERVER_ORDER,
        minVersion: 'TLSv1.2',
        handshakeTimeoutMs: 5000,
      })
      .then(
        (stream) => {
          const { servername = null, alpn = null } = stream.tls ?? {};
          const arrived = (bytes: Uint8Array): void => {
            const text = Buffer.from(bytes).toString('latin1');
            arrivals.push({ at: `${node}.${dc}`, sni: servername, alpn, text });
          };
          if (alpn === 'consul/wan-gossip/stream') stream.listen({ data: arrived });
          else {
            receivePackets({
              stream,
              clock: world.clock,
              received: (packets) => packets.forEach(arrived),
              failed: () => {},
            });
          }
        },
        () => {},
      );
  });
  return { accepted };
}

type ToGossip = Message<
  'packets.received' | 'packets.failed' | 'stream.opened' | 'stream.failed' | 'stream.accepted'
>;

interface TransportOptions {
  readonly material?: 'none';
  readonly gossip?: 'refused';
}

async function setUp(seed: number, transport: TransportOptions = {}) {
  const simulation: Simulation = createSimulation({ seed });
  const arrivals: Arrival[] = [];
  const own = simulation.host({
    name: 'a.dc1',
    addresses: [{ address: '10.0.0.1', segment: 'dc1' }],
  });
  const gateways = new Map<Dc, Awaited<ReturnType<typeof sniGateway>>>();
  const ports = new Map<Dc, Awaited<ReturnType<typeof serverPort>>>();
  const start = async (): Promise<void> => {
    ports.set('dc1', await serverPort(own.world, 'a', 'dc1', arrivals));
    for (const dc of ['dc2', 'dc3'] as const) {
      const addresses = [{ address: '10.0.0.1', segment: dc }];
      const host = simulation.host({ name: `b.${dc}`, addresses });
      ports.set(dc, await serverPort(host.world, 'b', dc, arrivals));
    }
    for (const dc of ['dc1', 'dc2', 'dc3'] as const) {
      const host = simulation.host({
        name: `gateway.${dc}`,
        addresses: [
          { address: GATEWAY_LAN, segment: dc },
          { address: WAN[dc], segment: 'wan' },
        ],
      });
      const routes = Object.fromEntries(
        (['dc1', 'dc2', 'dc3'] as const).flatMap((other) => {
          const node = other === 'dc1' ? 'a' : 'b';
          const endpoint = other === dc ? SERVER_AT : { address: WAN[other], port: GATEWAY_PORT };
          return [
            [`${node}.server.${other}.consul`, endpoint],
            [`server.${other}.consul`, endpoint],
          ];
        }),
      );
      const at = [GATEWAY_LAN, WAN[dc]].map((address) => ({ address, port: GATEWAY_PORT }));
      gateways.set(dc, await sniGateway(host.world, at, routes));
    }
  };
  await simulation.settle(start());

  const { world } = own;
  const bus = createBus({ clock: world.clock, log: createMemoryLog() });
  const gossip: ToGossip[] = [];
  const plain: Message<'packets.send' | 'stream.open'>[] = [];
  bus.receive<ToGossip['type']>('gossip.wan', (message) => void gossip.push(message));
  bus.receive<'packets.send' | 'stream.open'>('socket-transport.wan', (message) => {
    plain.push(message);
  });
  const choices: GatewayChoices = {
    ...noChoices({ datacenter: 'dc1', primaryDatacenter: 'dc1', directDialing: 'allowed' }),
    populated: true,
    local: [`${GATEWAY_LAN}:${GATEWAY_PORT}`],
  };
  const faults: string[] = [];
  const picker = createGatewayPicker({
    clock: world.clock,
    random: world.random,
    initial: choices,
    failed: (address) => void faults.push(address),
  });
  const counts = createLinkCounts();
  const tls = new TlsConfigurator(
    {
      datacenter: 'dc1',
      domain: 'consul.',
      verifyIncoming: true,
      verifyIncomingRpc: false,
      verifyOutgoing: true,
      verifyServerHostname: true,
      minVersion: 'TLSv1.2',
    },
    transport.material === 'none' ? { caPem: [] } : material('a', 'dc1'),
  );
  const machine = createWanfedTransportActor({
    world,
    post: bus.postFor('wanfed-transport'),
    tls,
    picker,
    counts,
    gossip: transport.gossip ?? 'taken',
  });
  const actor = createActor(machine, { input: { datacenter: 'dc1' }, clock: world.clock as never });
  actor.start();
  const view = membersView('wan', [
    server('a.dc1', 'dc1'),
    server('b.dc2', 'dc2'),
    server('b.dc3', 'dc3'),
  ]);
  actor.send({ type: 'wan-members.changed', view });
  const peer = (name: string) => ({ name, ...SERVER_AT });
  return {
    simulation,
    arrivals,
    gossip,
    plain,
    counts,
    faults,
    choices,
    actor,
    gateway: (dc: Dc) => gateways.get(dc) as NonNullable<ReturnType<typeof gateways.get>>,
    send: (...packets: readonly (readonly [name: string, text: string])[]) =>
      actor.send({
        type: 'packets.send',
        packets: packets.map(([name, text]) => ({
          to: peer(name),
          bytes: Buffer.from(text, 'latin1'),
        })),
      }),
    open: (id: number, name: string, timeoutMs = 10_000) =>
      actor.send({ type: 'stream.open', id, to: peer(name), timeoutMs }),
    texts: () => arrivals.map((a) => a.text),
    failures: () =>
      gossip.flatMap((m) =>
        m.type === 'packets.failed' ? m.failures.map((f) => [f.to.name, f.error.message]) : [],
      ),
  };
}

describe('wanfed transport over a simulated network', () => {
  test('a packet to another datacenter goes through both gateways and arrives as it was', async () => {
    const t = await setUp(1);
    t.send(['b.dc2', 'hello']);
    await t.simulation.run(2000);
    expect(t.arrivals).toEqual([
      {
        at: 'b.dc2',
        sni: 'b.server.dc2.consul',
        alpn: 'consul/wan-gossip/packet',
        text: 'hello',
      },
    ]);
    expect(t.gateway('dc3').seen).toEqual([]);
  });

  test('the same local address in two datacenters never loops: names decide', async () => {
    const t = await setUp(2);
    t.send(['b.dc2', 'two'], ['b.dc3', 'three'], ['a.dc1', 'own']);
    await t.simulation.run(2000);
    expect(t.arrivals.map((a) => [a.at, a.text]).sort()).toEqual([
      ['b.dc2', 'two'],
      ['b.dc3', 'three'],
    ]);
    expect(t.plain).toMatchObject([{ type: 'packets.send', packets: [{ to: { name: 'a.dc1' } }] }]);
    expect(t.gateway('dc1').seen).not.toContain('a.server.dc1.consul');
  });

  test('one connection carries many packets, in order, few writes', async () => {
    const t = await setUp(3);
    const sent = Array.from({ length: 50 }, (_, i) => `p${i}`);
    for (const text of sent) t.send(['b.dc2', text]);
    await t.simulation.run(2000);
    expect(t.texts()).toEqual(sent);
    expect(t.counts).toMatchObject({ dialed: 1, writes: 1, packetsWritten: 50, openNow: 1 });
  });

  test('a dead pooled connection loses no packet: evicted at once, the next dials afresh', async () => {
    const t = await setUp(4);
    t.send(['b.dc2', 'one']);
    await t.simulation.runUntil(() => t.arrivals.length === 1, 10_000);
    await t.simulation.run(2000);
    t.gateway('dc1').cut();
    await t.simulation.run(2000);
    expect(t.counts.openNow).toBe(0);
    t.send(['b.dc2', 'two']);
    await t.simulation.run(2000);
    expect(t.texts()).toEqual(['one', 'two']);
    expect(t.failures()).toEqual([]);
  });

  test('a connection that dies under a packet: the packet is sent once more and arrives', async () => {
    const t = await setUp(5);
    t.send(['b.dc2', 'one']);
    await t.simulation.run(2000);
    t.gateway('dc2').cut();
    t.send(['b.dc2', 'two']);
    await t.simulation.run(3000);
    expect(t.texts()).toContain('two');
    expect(t.counts.packetsResent).toBe(1);
    expect(t.failures()).toEqual([]);
  });

  test('a slow gateway stalls nobody else, and its packets are reported after the handshake limit', async () => {
    const t = await setUp(6);
    t.gateway('dc1').mute.add('b.server.dc3.consul');
    t.send(['b.dc3', 'slow'], ['b.dc2', 'fast']);
    await t.simulation.run(1000);
    expect(t.texts()).toEqual(['fast']);
    await t.simulation.run(6000);
    expect(t.failures().map(([name]) => name)).toEqual(['b.dc3']);
    expect(t.faults).toEqual([`${GATEWAY_LAN}:${GATEWAY_PORT}`]);
  });

  test('no gateway, no name, no TLS: each failure is reported with its text', async () => {
    const t = await setUp(7);
    t.actor.send({ type: 'gateways.changed', choices: { ...t.choices, local: [] } });
    t.send(['b.dc2', 'x'], ['nameless', 'x']);
    t.open(1, 'b.dc2');
    t.open(2, '');
    await t.simulation.run(100);
    expect(t.failures().sort()).toEqual([
      ['b.dc2', 'Remote DC has no server currently reachable'],
      ['nameless', 'node name does not encode a datacenter: nameless'],
    ]);
    const streams = t.gossip.flatMap((m) =>
      m.type === 'stream.failed' ? [[m.id, m.error.message]] : [],
    );
    expect(streams.sort()).toEqual([
      [1, 'Remote DC has no server currently reachable'],
      [2, 'node name does not encode a datacenter: '],
    ]);
    const bare = await setUp(8, { material: 'none' });
    bare.send(['b.dc2', 'x']);
    await bare.simulation.run(100);
    expect(bare.failures()).toEqual([
      ['b.dc2', 'wanfed: cannot dial via a mesh gateway when outgoing TLS is disabled'],
    ]);
  });

  test('a gateway that refuses is reported: any failure counts for the failure detector', async () => {
    const t = await setUp(9);
    t.gateway('dc1').routes.delete('b.server.dc2.consul');
    t.send(['b.dc2', 'x']);
    await t.simulation.run(2000);
    expect(t.failures().map(([name]) => name)).toEqual(['b.dc2']);
  });

  test('the first join: node *, server name without a node, a stream of its own', async () => {
    const t = await setUp(10);
    t.open(7, '*.dc2');
    await t.simulation.run(2000);
    const [opened] = t.gossip;
    expect(opened).toMatchObject({ type: 'stream.opened', id: 7 });
    if (opened?.type === 'stream.opened') opened.stream.write(Buffer.from('push/pull'));
    await t.simulation.run(2000);
    expect(t.arrivals).toEqual([
      {
        at: 'b.dc2',
        sni: 'server.dc2.consul',
        alpn: 'consul/wan-gossip/stream',
        text: 'push/pull',
      },
    ]);
    t.open(8, 'a.dc1');
    await t.simulation.run(10);
    expect(t.plain).toMatchObject([{ type: 'stream.open', id: 8 }]);
  });

  test('a stream that is too slow fails once, in time, and leaves no connection behind', async () => {
    const t = await setUp(11);
    t.gateway('dc1').mute.add('b.server.dc2.consul');
    t.open(1, 'b.dc2', 500);
    await t.simulation.run(20_000);
    expect(t.gossip).toMatchObject([{ type: 'stream.failed', id: 1 }]);
    expect(t.gossip).toHaveLength(1);
    expect(t.simulation.network.connections('a.dc1', 'gateway.dc1')).toBe(0);
  });

  test('idle connections are closed after two minutes', async () => {
    const t = await setUp(12);
    t.send(['b.dc2', 'x']);
    await t.simulation.run(119_000);
    expect(t.counts.openNow).toBe(1);
    await t.simulation.run(5000);
    expect(t.counts.openNow).toBe(0);
    expect(t.simulation.network.connections('a.dc1', 'gateway.dc1')).toBe(0);
  });

  test('a path ends with its gateway: connections through one that left the lists are closed', async () => {
    const t = await setUp(13);
    t.send(['b.dc2', 'x']);
    await t.simulation.run(2000);
    t.actor.send({ type: 'gateways.changed', choices: { ...t.choices, local: ['10.0.0.8:8443'] } });
    await t.simulation.run(2000);
    expect(t.counts.openNow).toBe(0);
    expect(t.simulation.network.connections('a.dc1', 'gateway.dc1')).toBe(0);
  });

  test('what comes in goes to the pool; without a pool it is dropped, never a crash', async () => {
    const t = await setUp(14);
    const packets = [{ from: { address: GATEWAY_LAN, port: 1 }, bytes: Buffer.from('x') }];
    t.actor.send({ type: 'packets.received', packets });
    await t.simulation.run(1);
    expect(t.gossip).toEqual([{ type: 'packets.received', packets }]);
    const without = await setUp(17, { gossip: 'refused' });
    const [near, far] = streamPair();
    without.actor.send({ type: 'packets.received', packets });
    without.actor.send({ type: 'stream.accepted', stream: near });
    await without.simulation.run(1);
    expect(without.gossip).toEqual([]);
    expect([near.destroyed, far.destroyed]).toEqual([true, true]);
  });

  test('stopping ends connections and answers every stream that is being opened', async () => {
    const t = await setUp(15);
    t.gateway('dc1').mute.add('b.server.dc2.consul');
    t.open(1, 'b.dc2');
    t.send(['b.dc2', 'x'], ['b.dc3', 'y']);
    await t.simulation.run(1000);
    t.actor.stop();
    await t.simulation.run(1000);
    expect(t.gossip).toMatchObject([
      {
        type: 'packets.failed',
        failures: [{ error: { message: 'wanfed: connection pool is closed' } }],
      },
      { type: 'stream.failed', id: 1, error: { message: 'wanfed: connection pool is closed' } },
    ]);
    await t.simulation.run(20_000);
    expect(t.simulation.network.connections('a.dc1', 'gateway.dc1')).toBe(0);
  });

  test('with connections cut at random, every packet arrives or is reported (20 seeds)', async () => {
    for (let seed = 100; seed < 120; seed++) {
      const t = await setUp(seed);
      const { random } = t.simulation;
      const sent: string[] = [];
      for (let i = 0; i < 200; i++) {
        const text = `${seed}-${i}`;
        sent.push(text);
        t.send([random.float() < 0.5 ? 'b.dc2' : 'b.dc3', text]);
        await t.simulation.run(random.float() * 200);
        const dcs = ['dc1', 'dc2', 'dc3'] as const;
        if (random.float() < 0.05) t.gateway(dcs[Math.floor(random.float() * 3)] ?? 'dc1').cut();
      }
      await t.simulation.run(30_000);
      const arrived = new Set(t.texts());
      const missing = sent.filter((text) => !arrived.has(text)).length;
      expect(missing, `seed ${seed}`).toBeLessThanOrEqual(t.failures().length);
      expect(arrived.size, `seed ${seed}`).toBeGreaterThan(180);
    }
  });

  test('recorded packets of Consul 1.9.1: our bytes are the same, frame by frame', async () => {
    const recorded = vectors.filter(
      (v) => v.alpn === 'consul/wan-gossip/packet' && /-packet-to-dc2-\d$/.test(v.name),
    );
    expect(recorded.length).toBeGreaterThan(10);
    const t = await setUp(16);
    const bodies = recorded.map((v) => Buffer.from(v.hex, 'hex').subarray(4));
    for (const body of bodies) t.send(['b.dc2', body.toString('latin1')]);
    await t.simulation.run(2000);
    expect(t.texts().map((text) => Buffer.from(text, 'latin1').toString('hex'))).toEqual(
      bodies.map((body) => body.toString('hex')),
    );
    expect(Buffer.concat(bodies.map((b) => encodePacketFrame(b))).toString('hex')).toBe(
      recorded.map((v) => v.hex).join(''),
    );
  });
});

/**
 * Goal: three WAN pools of one server each gossip through gateways only, over real pool actors, the
 * real transport and the real server port. All datacenters use the same local addresses. First the
 * picture of all becomes complete, then connections are cut and a gateway dies.
 */

import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { createBus } from '../../actors/bus.ts';
import { createLinkCounts } from '../../actors/federation/packet-links.ts';
import { createWanfedTransportActor } from '../../actors/federation/wanfed-transport.ts';
import { loadPoolInput } from '../../actors/gossip/pool.ts';
import {
  createSocketTransportActor,
  openSocketTransport,
} from '../../actors/gossip/socket-transport.ts';
import { createWanGossipActor } from '../../actors/gossip/wan.ts';
import { createAlpnListenerActor } from '../../actors/port/alpn-listener.ts';
import { createPortCounts } from '../../actors/port/connections.ts';
import { CONSUL_WAN_DEFAULTS, type PoolConfig } from '../../machines/gossip/config.ts';
import { noChoices } from '../../src/federation/gateway-choices.ts';
import { createGatewayPicker } from '../../src/federation/gateway-picker.ts';
import { anyServerOf } from '../../src/federation/join-addresses.ts';
import { createMemoryLog } from '../../src/log.ts';
import type { MembersView } from '../../src/model/member.ts';
import { RpcServer } from '../../src/rpc/server/server.ts';
import { TlsConfigurator } from '../../src/tls/configurator.ts';
import { simulatedAuthority } from '../../src/world/simulated/certificates.ts';
import { createSimulation, type Simulation } from '../../src/world/simulated/simulation.ts';
import { server as memberOf } from '../support/federation-fixture.ts';
import { type SniGateway, sniGateway } from '../support/sni-gateway.ts';

const DCS = ['dc1', 'dc2', 'dc3'] as const;
type Dc = (typeof DCS)[number];
const SERVER = '10.0.0.1';
const GATEWAY = '10.0.0.9';
const WAN: Readonly<Record<Dc, string>> = { dc1: '1.1.1.1', dc2: '2.2.2.2', dc3: '3.3.3.3' };
const authority = simulatedAuthority('federation');

interface WanServer {
  readonly name: string;
  readonly changes: string[];
  join(dc: Dc): Promise<unknown>;
  status(name: string): string;
}

async function startServer(simulation: Simulation, dc: Dc, encrypt: string): Promise<WanServer> {
  const host = simulation.host({
    name: `server.${dc}`,
    addresses: [{ address: SERVER, segment: dc }],
  });
  const { world } = host;
  const { clock } = world;
  const log = createMemoryLog();
  const bus = createBus({ clock, log });
  const name = `s.${dc}`;
  const tls = new TlsConfigurator(
    {
      datacenter: dc,
      domain: 'consul',
      verifyIncoming: true,
      verifyIncomingRpc: false,
      verifyOutgoing: true,
      verifyServerHostname: true,
      minVersion: 'TLSv1.2',
    },
    {
      caPem: [authority.pem],
      identity: authority.issue({
        commonName: `server.${dc}.consul`,
        names: [`s.server.${dc}.consul`, `server.${dc}.consul`],
      }),
    },
  );
  const names = { datacenter: dc, primaryDatacenter: 'dc1' };
  const picker = createGatewayPicker({
    clock,
    random: world.random,
    initial: {
      ...noChoices({ ...names, directDialing: 'allowed' }),
      populated: true,
      local: [`${GATEWAY}:8443`],
    },
  });
  const config: PoolConfig = {
    ...CONSUL_WAN_DEFAULTS,
    name,
    address: SERVER,
    port: 8302,
    tags: memberOf(name, dc).tags,
    names: 'required',
    streamPings: 'own-datacenter',
  };
  const transport = await openSocketTransport(world, { address: SERVER, port: 8302 });
  const input = await loadPoolInput({
    world,
    log,
    config,
    snapshot: null,
    keyRing: { encrypt, path: null },
  });
  let view: MembersView | undefined;
  const changes: string[] = [];
  bus.receive<'wan-members.changed'>('agent', (message) => {
    if (message.type !== 'wan-members.changed') return;
    view = message.view;
    changes.push(...message.view.changes.map((c) => `${c.kind} ${c.member.name}`));
  });
  const actors = new Map(
    Object.entries({
      'socket-transport.wan': createActor(
        createSocketTransportActor({
          transport,
          reopen: async () => transport,
          clock,
          log,
          pool: 'wan',
          post: bus.postFor('socket-transport.wan'),
        }),
        { clock },
      ),
      'wanfed-transport': createActor(
        createWanfedTransportActor({
          world,
          post: bus.postFor('wanfed-transport'),
          tls,
          picker,
          counts: createLinkCounts(),
          gossip: 'taken',
        }),
        { clock, input: { datacenter: dc } },
      ),
      'alpn-listener': createActor(
        createAlpnListenerActor({
          world,
          at: { address: SERVER, port: 8300 },
          log,
          post: bus.postFor('alpn-listener'),
          tls,
          rpc: new RpcServer({ clock, methods: [] }),
          gossip: 'taken',
          counts: createPortCounts(),
        }),
        { clock },
      ),
      'gossip.wan': createActor(
        createWanGossipActor({
          world,
          post: bus.postFor('gossip.wan'),
          log,
          config,
          files: { snapshot: null, keyRing: null },
          transport: 'wanfed-transport',
          listeners: ['agent', 'wanfed-transport'],
        }),
        { clock, input },
      ),
    }),
  );
  bus.attach({ get: (id) => actors.get(id) as never });
  for (const actor of actors.values()) actor.start();
  return {
    name,
    changes,
    join: (to) =>
      bus
        .postFor('agent')
        .ask(
          'gossip.wan',
          { type: 'members.join', addresses: [anyServerOf(to)], oldEvents: 'ignore' },
          { timeoutMs: 30_000 },
        ),
    status: (member) => view?.members.get(member)?.status ?? 'none',
  };
}

async function startGateway(simulation: Simulation, dc: Dc): Promise<SniGateway> {
  const { world } = simulation.host({
    name: `gateway.${dc}`,
    addresses: [
      { address: GATEWAY, segment: dc },
      { address: WAN[dc], segment: 'wan' },
    ],
  });
  const routes = DCS.flatMap((to) => {
    const there = to === dc ? { address: SERVER, port: 8300 } : { address: WAN[to], port: 8443 };
    return [
      [`server.${to}.consul`, there],
      [`s.server.${to}.consul`, there],
    ] as const;
  });
  const at = [GATEWAY, WAN[dc]].map((address) => ({ address, port: 8443 }));
  return sniGateway(world, at, Object.fromEntries(routes));
}

async function federate(seed: number, encrypt = '') {
  const simulation = createSimulation({ seed });
  const gateways = new Map<Dc, SniGateway>();
  const servers = new Map<Dc, WanServer>();
  const start = async (): Promise<void> => {
    for (const dc of DCS) {
      gateways.set(dc, await startGateway(simulation, dc));
      servers.set(dc, await startServer(simulation, dc, encrypt));
    }
  };
  await simulation.settle(start());
  const of = (dc: Dc): WanServer => servers.get(dc) as WanServer;
  const gateway = (dc: Dc): SniGateway => gateways.get(dc) as SniGateway;
  const allAlive = (): boolean =>
    DCS.every((a) => DCS.every((b) => of(a).status(`s.${b}`) === 'alive'));
  await simulation.settle(of('dc2').join('dc1'));
  await simulation.settle(of('dc3').join('dc1'));
  await simulation.runUntil(allAlive, 60_000);
  return { simulation, of, gateway, allAlive };
}

describe('WAN gossip through gateways only', () => {
  test('two joins by a name that stands for any server, and everybody knows everybody', async () => {
    const t = await federate(1);
    expect(t.simulation.nowMs).toBeLessThan(60_000);
    expect(t.gateway('dc1').seen).toContain('server.dc1.consul');
  });

  test('five calm minutes: nobody is suspected, encrypted or not', async () => {
    for (const key of ['', '4mFSkDJ4Wx9d2v0BrCzGG+0Y0VGqKPeEv3cTpDcMAFE=']) {
      const t = await federate(2, key);
      await t.simulation.run(300_000);
      for (const dc of DCS) expect(t.of(dc).changes.filter((c) => /^fail/.test(c))).toEqual([]);
      expect(t.allAlive()).toBe(true);
    }
  });

  test('pooled connections killed mid-gossip, again and again: no member fails', async () => {
    const t = await federate(3);
    const { random } = t.simulation;
    for (let i = 0; i < 60; i++) {
      await t.simulation.run(random.float() * 8000);
      t.gateway(DCS[Math.floor(random.float() * DCS.length)] ?? 'dc1').cut();
    }
    for (const dc of DCS) expect(t.of(dc).changes.filter((c) => /^fail/.test(c))).toEqual([]);
    expect(t.allAlive()).toBe(true);
  });

  test('an unreachable server is suspected by the very one that cannot reach it, then found again', async () => {
    const t = await federate(4);
    const routes = new Map(t.gateway('dc1').routes);
    for (const dc of ['dc2', 'dc3']) t.gateway('dc1').routes.delete(`s.server.${dc}.consul`);
    t.gateway('dc1').cut();
    await t.simulation.runUntil(() => t.of('dc1').status('s.dc2') === 'failed', 240_000);
    t.gateway('dc1').routes = routes;
    await t.simulation.runUntil(t.allAlive, 600_000);
  });

  test('a gateway that dies takes its datacenter out of sight, and its return brings it back', async () => {
    const t = await federate(5);
    const { routes } = t.gateway('dc2');
    t.gateway('dc2').routes = new Map();
    t.gateway('dc2').cut();
    await t.simulation.runUntil(
      () => t.of('dc1').status('s.dc2') === 'failed' && t.of('dc3').status('s.dc2') === 'failed',
      300_000,
    );
    expect(t.of('dc1').status('s.dc3')).toBe('alive');
    t.gateway('dc2').routes = routes;
    await t.simulation.runUntil(t.allAlive, 600_000);
  });
});

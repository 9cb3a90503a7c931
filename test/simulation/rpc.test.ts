/**
 * Goal: servers of two datacenters call each other through a gateway, in a simulated world where
 * both datacenters use the same LAN addresses, while the gateway dies and comes back.
 */

import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { createBus } from '../../actors/bus.ts';
import { createAlpnListenerActor } from '../../actors/port/alpn-listener.ts';
import { createPortCounts } from '../../actors/port/connections.ts';
import { createRpcRouterActor, type RpcRouter } from '../../actors/rpc/rpc-router.ts';
import type { RaftView } from '../../src/consensus/consensus.ts';
import { noChoices } from '../../src/federation/gateway-choices.ts';
import { createGatewayPicker } from '../../src/federation/gateway-picker.ts';
import { createMemoryLog } from '../../src/log.ts';
import type { Member, MembersView } from '../../src/model/member.ts';
import { RpcPool } from '../../src/rpc/client/pool.ts';
import { createDialer } from '../../src/rpc/dialer.ts';
import { serve } from '../../src/rpc/method.ts';
import { STATUS_PING } from '../../src/rpc/methods/status.ts';
import { RpcServer } from '../../src/rpc/server/server.ts';
import { TlsConfigurator } from '../../src/tls/configurator.ts';
import { simulatedAuthority } from '../../src/world/simulated/certificates.ts';
import {
  createSimulation,
  type SimulatedHost,
  type Simulation,
} from '../../src/world/simulated/simulation.ts';
import type { ByteStream, Listener } from '../../src/world/world.ts';
import { ECHO, echo, echoMethods } from '../support/rpc-fixture.ts';

const AUTHORITY = simulatedAuthority('test');

interface SimulatedServer {
  readonly router: RpcRouter;
  readonly name: string;
  readonly datacenter: string;
  readonly address: string;
  lan(...members: readonly Member[]): void;
  wan(...members: readonly Member[]): void;
  raft(view: Partial<RaftView>): void;
}

interface ServerOptions {
  readonly name: string;
  readonly datacenter: string;
  readonly address: string;
  readonly gateway: string;
}

function startServer(host: SimulatedHost, options: ServerOptions): SimulatedServer {
  const { name, datacenter, address } = options;
  const { world } = host;
  const log = createMemoryLog();
  const bus = createBus({ clock: world.clock, log });
  const serverName = `server.${datacenter}.consul`;
  const tls = new TlsConfigurator(
    {
      datacenter,
      domain: 'consul',
      verifyIncoming: true,
      verifyIncomingRpc: false,
      verifyOutgoing: true,
      verifyServerHostname: true,
      minVersion: 'TLSv1.2',
    },
    {
      caPem: [AUTHORITY.pem],
      identity: AUTHORITY.issue({
        commonName: serverName,
        names: [`${name}.${serverName}`, serverName],
      }),
    },
  );
  const known = noChoices({ datacenter, primaryDatacenter: 'dc1', directDialing: 'allowed' });
  const gateways = createGatewayPicker({
    clock: world.clock,
    random: world.random,
    initial: { ...known, populated: true, local: [options.gateway] },
  });
  const dialer = createDialer({
    network: world.network,
    datacenter,
    role: 'server',
    tls,
    gateways,
  });
  const rpc: RpcServer = new RpcServer({
    clock: world.clock,
    methods: [
      ...echoMethods(`${name}.${datacenter}`),
      serve(STATUS_PING, () => Promise.resolve({})),
    ],
    dispatch: (served, request, origin) => router.forwarder.dispatch(served, request, origin),
  });
  const router = createRpcRouterActor({
    world,
    log,
    role: 'server',
    node: name,
    datacenter,
    primaryDatacenter: 'dc1',
    pool: new RpcPool({ dialer, clock: world.clock }),
    registry: rpc.registry,
    gateways,
  });
  const routerActor = createActor(router.machine, {
    systemId: 'rpc-router',
    clock: world.clock,
    input: { datacenter, role: 'server', node: name, seed: 1 },
  });
  bus.attach(routerActor.system);
  routerActor.start();
  createActor(
    createAlpnListenerActor({
      world,
      at: { address, port: 8300 },
      log,
      post: bus.postFor('alpn-listener'),
      tls,
      rpc,
      gossip: 'refused',
      counts: createPortCounts(),
    }),
    { systemId: 'alpn-listener', clock: world.clock },
  ).start();
  const view = (pool: 'lan' | 'wan', members: readonly Member[]): MembersView => ({
    pool,
    self: name,
    version: 1,
    members: new Map(members.map((member) => [member.name, member])),
    changes: [],
  });
  return {
    router,
    name,
    datacenter,
    address,
    lan: (...members) =>
      bus.postFor('gossip.lan').send('rpc-router', {
        type: 'lan-members.changed',
        view: view('lan', members),
      }),
    wan: (...members) =>
      bus.postFor('gossip.wan').send('rpc-router', {
        type: 'wan-members.changed',
        view: view('wan', members),
      }),
    raft: (change) =>
      bus.postFor('raft').send('rpc-router', {
        type: 'raft.changed',
        view: { role: 'follower', leader: undefined, lastContactMs: 1, ...change } as RaftView,
      }),
  };
}

/** A gateway that reads the SNI out of the ClientHello and passes everything on. */
function startGateway(
  host: SimulatedHost,
  at: string,
  routes: Readonly<Record<string, string>>,
): Promise<Listener> {
  const splice = (from: ByteStream, onto: ByteStream): void =>
    from.listen({
      data: (chunk) => void onto.write(chunk),
      end: () => onto.end(),
      closed: () => onto.destroy(),
    });
  return host.world.network.listenTcp({ address: at, port: 443 }, (stream) => {
    stream.listen({
      data: (hello) => {
        stream.pause();
        const text = Buffer.from(hello).toString('latin1');
        const name = Object.keys(routes).find((known) => text.includes(`${known}.consul`));
        if (name === undefined) return stream.destroy();
        void host.world.network
          .connectTcp({ host: routes[name] as string, port: 8300, timeoutMs: 5000 })
          .then((onward) => {
            onward.write(hello);
            splice(stream, onward);
            splice(onward, stream);
          });
        return undefined;
      },
    });
  });
}

const member = (server: SimulatedServer, pool: 'lan' | 'wan'): Member => ({
  name: pool === 'lan' ? server.name : `${server.name}.${server.datacenter}`,
  address: server.address,
  port: 8301,
  tags: { role: 'consul', dc: server.datacenter, port: '8300', id: server.name },
  status: 'alive',
  versions: {
    protocolMin: 1,
    protocolMax: 5,
    protocolCur: 2,
    delegateMin: 2,
    delegateMax: 5,
    delegateCur: 4,
  },
});

async function federation(seed: number) {
  const simulation = createSimulation({ seed });
  const host = (name: string, address: string, segment: string): SimulatedHost =>
    simulation.host({ name, addresses: [{ address, segment }] });
  const gatewayHost = simulation.host({
    name: 'gateway',
    addresses: [
      { address: '10.0.0.9', segment: 'lan1' },
      { address: '10.1.0.9', segment: 'lan2' },
    ],
  });
  const a = startServer(host('a', '10.0.0.1', 'lan1'), {
    name: 'a',
    datacenter: 'dc1',
    address: '10.0.0.1',
    gateway: '10.0.0.9:443',
  });
  const b = startServer(host('b', '10.0.0.2', 'lan1'), {
    name: 'b',
    datacenter: 'dc1',
    address: '10.0.0.2',
    gateway: '10.0.0.9:443',
  });
  // The very node name and address of a server in the other datacenter.
  const x = startServer(host('x', '10.0.0.2', 'lan2'), {
    name: 'b',
    datacenter: 'dc2',
    address: '10.0.0.2',
    gateway: '10.1.0.9:443',
  });
  const routes = { 'a.server.dc1': '10.0.0.1', 'b.server.dc1': '10.0.0.2' };
  const open = (): Promise<Listener> => startGateway(gatewayHost, '10.1.0.9', routes);
  const listener = await simulation.settle(open());
  const everybody = [a, b, x].map((server) => member(server, 'wan'));
  for (const server of [a, b]) {
    server.lan(member(a, 'lan'), member(b, 'lan'));
    server.wan(...everybody);
  }
  x.lan(member(x, 'lan'));
  x.wan(...everybody);
  a.raft({ leader: { id: 'b', address: '10.0.0.2:8300' } });
  b.raft({ role: 'leader' });
  x.raft({ role: 'leader' });
  await simulation.run(100);
  return { simulation, a, b, x, open, listener };
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function ask(simulation: Simulation, from: SimulatedServer, dc: string): Promise<string> {
  const call = from.router.forwarder
    .call(ECHO, echo('x', { Datacenter: dc }))
    .then((reply) => reply.Server, textOf);
  return simulation.settle(call);
}

describe('calls between datacenters in a simulated world', () => {
  it('reach the right leader though both datacenters have the same node at the same address', async () => {
    const { simulation, a, x } = await federation(1);
    expect(await ask(simulation, x, 'dc1')).toBe('b.dc1');
    expect(await ask(simulation, x, 'dc2')).toBe('b.dc2');
    expect(await ask(simulation, a, 'dc1')).toBe('b.dc1');
    expect(x.router.view().datacenters[1]).toMatchObject({ name: 'dc1', health: 'reachable' });
  });

  it('fail with the known texts while the gateway is gone, and heal by themselves', async () => {
    const { simulation, x, open, listener } = await federation(2);
    expect(await ask(simulation, x, 'dc1')).toBe('b.dc1');
    await simulation.settle(listener.close());
    simulation.network.reset('x', 'gateway');
    expect(await ask(simulation, x, 'dc1')).toBe('rpc error making call: EOF');
    const refused =
      'rpc error getting client: failed to get conn: dial tcp 10.1.0.9:443: connect: connection refused';
    expect(await ask(simulation, x, 'dc1')).toBe(refused);
    expect(x.router.view().datacenters[1]).toMatchObject({ health: 'failing', lastError: refused });
    await simulation.run(200_000);
    expect(x.router.view().datacenters[1]?.health).toBe('offline');
    const before = simulation.nowMs;
    expect(await ask(simulation, x, 'dc1')).toBe('Remote DC has no server currently reachable');
    expect(simulation.nowMs - before).toBeLessThan(1);
    await simulation.settle(open());
    await simulation.run(6_000);
    expect(x.router.view().datacenters[1]?.health).toBe('reachable');
    expect(await ask(simulation, x, 'dc1')).toBe('b.dc1');
  });

  it('wait for a new leader while the old one is gone', async () => {
    const { simulation, a, b, x } = await federation(3);
    a.raft({ leader: undefined });
    b.raft({ leader: undefined });
    const call = x.router.forwarder.call(ECHO, echo('x', { Datacenter: 'dc1' }));
    await simulation.run(2_000);
    a.raft({ role: 'leader' });
    b.raft({ leader: { id: 'a', address: '10.0.0.1:8300' } });
    expect((await simulation.settle(call)).Server).toBe('a.dc1');
  });
});

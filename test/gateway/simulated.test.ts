// The whole gateway in a simulated world: partitions, dead addresses and time without waiting.

import { describe, expect, it } from 'vitest';
import { startGatewayProcess } from '../../actors/gateway/gateway-process.ts';
import type { AgentDoor } from '../../src/gateway/agent-door.ts';
import type { ServiceInstance } from '../../src/gateway/instances.ts';
import { makeRegistration } from '../../src/gateway/registration.ts';
import type { InstancesByDatacenter } from '../../src/gateway/snapshot.ts';
import { createMemoryLog } from '../../src/log.ts';
import { simulatedAuthority } from '../../src/world/simulated/certificates.ts';
import { createSimulation, type SimulatedHost } from '../../src/world/simulated/simulation.ts';
import type { ByteStream } from '../../src/world/world.ts';
import { gateway, server } from '../support/instances.ts';

const authority = simulatedAuthority('ca');
const identity = authority.issue({
  commonName: 's1',
  names: ['s1.server.dc2.consul', 's2.server.dc2.consul', 'server.dc2.consul'],
});
const TLS = {
  caPem: [authority.pem],
  identity,
  minVersion: 'TLSv1.2',
  handshakeTimeoutMs: 20_000,
} as const;
const ALPN = 'consul/wan-gossip/stream';
const PORT = 8300;

/** An agent that knows this and never changes its mind, unless told to. */
class KnownAgent implements AgentDoor {
  readonly #serverWatchers = new Set<(servers: readonly ServiceInstance[]) => void>();
  readonly #dc: string;
  readonly #gateways: InstancesByDatacenter;
  #servers: readonly ServiceInstance[];
  readonly registered: string[] = [];
  forgetful = false;

  constructor(dc: string, servers: readonly ServiceInstance[], gateways: InstancesByDatacenter) {
    this.#dc = dc;
    this.#servers = servers;
    this.#gateways = gateways;
  }

  setServers(servers: readonly ServiceInstance[]): void {
    this.#servers = servers;
    for (const tell of this.#serverWatchers) tell(servers);
  }

  readonly watchAgent: AgentDoor['watchAgent'] = (changed) => {
    changed({ datacenter: this.#dc, domain: 'consul' });
    return () => {};
  };

  readonly watchServers: AgentDoor['watchServers'] = (changed) => {
    changed(this.#servers);
    this.#serverWatchers.add(changed);
    return () => this.#serverWatchers.delete(changed);
  };

  readonly watchGateways: AgentDoor['watchGateways'] = (changed) => {
    changed(this.#gateways);
    return () => {};
  };

  readonly register: AgentDoor['register'] = async ({ ID }) => void this.registered.push(`+${ID}`);
  readonly knows: AgentDoor['knows'] = async () => !this.forgetful;
  readonly deregister: AgentDoor['deregister'] = async (id) => void this.registered.push(`-${id}`);
  readonly service: AgentDoor['service'] = () => Promise.reject(new Error('not asked'));
  readonly gateways: AgentDoor['gateways'] = async () => [];
}

function federation(seed: string) {
  const simulation = createSimulation({ seed });
  const host = (name: string, address: string) => simulation.host({ name, addresses: [address] });
  const client = host('client', '10.1.0.1');
  const gateway1 = host('gateway1', '10.1.0.9');
  const gateway2 = host('gateway2', '10.2.0.9');
  const servers = [host('s1', '10.2.0.1'), host('s2', '10.2.0.2')];
  const log = createMemoryLog();
  const start = (at: SimulatedHost, address: string, agent: AgentDoor) =>
    startGatewayProcess({
      world: at.world,
      log,
      agent,
      listenAt: [{ host: address, port: 443 }],
      own: [{ host: address, port: 443 }],
      exposesServers: true,
      drainMs: 1_000,
      registration: makeRegistration(
        {
          service: 'mesh-gateway',
          id: at.name,
          address: `${address}:443`,
          wanAddress: '',
          bindAddresses: [],
          exposesServers: true,
          deregisterAfter: '6h',
        },
        [{ name: 'eth0', address, internal: false }],
      ),
    });
  const agent1 = new KnownAgent(
    'dc1',
    [server({ node: 's9', port: 1 })],
    new Map([['dc2', [gateway({ port: 1, wan: { Address: '10.2.0.9', Port: 443 } })]]]),
  );
  const agent2 = new KnownAgent(
    'dc2',
    [
      server({ node: 's1', nodeAddress: '10.2.0.1', port: PORT }),
      server({ node: 's2', nodeAddress: '10.2.0.2', port: PORT }),
    ],
    new Map(),
  );
  const one = start(gateway1, '10.1.0.9', agent1);
  const two = start(gateway2, '10.2.0.9', agent2);

  const served: string[] = [];
  const serve = (at: SimulatedHost, address: string): Promise<unknown> =>
    simulation.settle(
      at.world.network.listenTcp({ address, port: PORT }, (plain) => {
        const options = { ...TLS, alpn: [ALPN], clientCertificate: 'require' } as const;
        at.world.network.tlsServer(plain, options).then(
          (stream) => {
            served.push(`${at.name} ${stream.tls?.servername} ${stream.tls?.alpn}`);
            stream.listen({ data: (chunk) => void stream.write(chunk), end: () => stream.end() });
          },
          () => {},
        );
      }),
    );
  const dial = async (servername: string): Promise<ByteStream> => {
    const { network } = client.world;
    const plain = await network.connectTcp({ host: '10.1.0.9', port: 443, timeoutMs: 5_000 });
    return network.tlsClient(plain, { ...TLS, servername, verify: 'name', alpn: [ALPN] });
  };
  return { simulation, one, two, agent2, servers, serve, served, dial, log };
}

async function echo(stream: ByteStream): Promise<string> {
  return new Promise((resolve) => {
    stream.listen({
      data: (chunk) => resolve(Buffer.from(chunk).toString()),
      closed: () => resolve('closed'),
    });
    stream.write(Buffer.from('hello'));
  });
}

describe('gateways in a simulated world', () => {
  it('lead through each other, and go round a server that is cut off', async () => {
    const f = federation('gateway-1');
    const [s1, s2] = f.servers as [SimulatedHost, SimulatedHost];
    await f.serve(s1, '10.2.0.1');
    await f.serve(s2, '10.2.0.2');
    await f.simulation.run(1_000);
    const stream = await f.simulation.settle(f.dial('s1.server.dc2.consul'));
    expect(await f.simulation.settle(echo(stream))).toBe('hello');
    expect(f.served).toEqual([`s1 s1.server.dc2.consul ${ALPN}`]);

    f.simulation.network.partition('gateway2', 's1');
    for (let n = 0; n < 3; n += 1) {
      const any = await f.simulation.settle(f.dial('server.dc2.consul'), 20_000);
      expect(await f.simulation.settle(echo(any))).toBe('hello');
    }
    expect(f.served.slice(1).every((line) => line.startsWith('s2 '))).toBe(true);
    expect(f.two.counters().failovers).toBe(1);
    expect(f.one.counters()).toMatchObject({ proxied: 4, failovers: 0 });
  });

  it('route by what changed a moment later, and end in order', async () => {
    const f = federation('gateway-2');
    const [s1] = f.servers as [SimulatedHost];
    await f.serve(s1, '10.2.0.1');
    await f.simulation.run(1_000);
    f.agent2.setServers([]);
    await f.simulation.run(1_000);
    const refused = f.dial('s1.server.dc2.consul').then(
      () => 'served',
      () => 'refused',
    );
    expect(await f.simulation.settle(refused, 30_000)).toBe('refused');
    expect(f.two.counters().refused['unknown name']).toBe(1);

    f.agent2.setServers([server({ node: 's1', nodeAddress: '10.2.0.1', port: PORT })]);
    await f.simulation.run(1_000);
    const stream = await f.simulation.settle(f.dial('s1.server.dc2.consul'));
    const ended = f.two.shutdown();
    expect(await f.simulation.settle(echo(stream))).toBe('hello');
    await f.simulation.settle(ended, 5_000);
    await f.simulation.settle(f.one.shutdown(), 5_000);
    expect(f.one.counters().active).toBe(0);
  });

  it('register again at an agent that forgot them, and take themselves out at the end', async () => {
    const f = federation('gateway-3');
    await f.simulation.run(15_000);
    expect(f.agent2.registered).toEqual(['+gateway2']);
    f.agent2.forgetful = true;
    await f.simulation.run(10_000);
    f.agent2.forgetful = false;
    await f.simulation.run(60_000);
    await f.simulation.settle(f.two.shutdown(), 5_000);
    expect(f.agent2.registered).toEqual(['+gateway2', '+gateway2', '-gateway2']);
  });
});

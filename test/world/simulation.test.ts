import { describe, expect, it } from 'vitest';
import { simulatedAuthority } from '../../src/world/simulated/certificates.ts';
import {
  createSimulation,
  type SimulatedHost,
  type Simulation,
} from '../../src/world/simulated/simulation.ts';
import type { ByteStream, UdpSocket } from '../../src/world/world.ts';
import { bytes, hear, isClosed } from '../compliance/bench.ts';

const PORT = 8300;

function twoHosts(
  seed: number | string = 1,
  options: Omit<Parameters<typeof createSimulation>[0], 'seed'> = {},
): { simulation: Simulation; a: SimulatedHost; b: SimulatedHost } {
  const simulation = createSimulation({ seed, ...options });
  const a = simulation.host({ name: 'a', addresses: ['10.0.0.1'] });
  const b = simulation.host({ name: 'b', addresses: ['10.0.0.2'] });
  return { simulation, a, b };
}

/** Opens a stream from `a` to `b`. */
async function connect(
  simulation: Simulation,
  a: SimulatedHost,
  b: SimulatedHost,
): Promise<{ near: ByteStream; far: ByteStream }> {
  const [address = ''] = await simulation.settle(a.world.network.resolve(b.name));
  let far: ByteStream | undefined;
  await simulation.settle(
    b.world.network.listenTcp({ address, port: PORT }, (stream) => {
      far = stream;
    }),
  );
  const dialing = a.world.network.connectTcp({ host: b.name, port: PORT, timeoutMs: 5000 });
  const near = await simulation.settle(dialing);
  if (!far) throw new Error('nothing was accepted');
  return { near, far };
}

async function udp(
  simulation: Simulation,
  host: SimulatedHost,
  address: string,
  received: (text: string) => void = () => {},
): Promise<UdpSocket> {
  return simulation.settle(
    host.world.network.bindUdp(
      { address, port: PORT },
      { received: (datagram) => received(new TextDecoder().decode(datagram)) },
    ),
  );
}

describe('simulated time', () => {
  it('fires each time of a repeating timer and mixes two in order', async () => {
    const { simulation, a } = twoHosts();
    const fired: string[] = [];
    const repeat = (name: string, ms: number): void => {
      a.world.clock.setTimeout(() => {
        fired.push(`${name}${a.world.clock.monotonic()}`);
        repeat(name, ms);
      }, ms);
    };
    repeat('x', 1000);
    repeat('y', 1500);
    await simulation.run(3000);
    expect(fired).toEqual(['x1000', 'y1500', 'x2000', 'y3000', 'x3000']);
    expect(simulation.nowMs).toBe(3000);
    a.clockSkewMs = 250;
    expect(a.world.clock.now()).toBe(Date.UTC(2027, 0, 1) + 3250);
  });

  it('says the seed when something does not happen', async () => {
    const { simulation } = twoHosts('x9');
    await expect(simulation.runUntil(() => false, 50)).rejects.toThrow('seed x9: the condition');
    await expect(simulation.settle(new Promise(() => {}), 50)).rejects.toThrow('seed x9');
  });
});

describe('simulated network', () => {
  it('loses, doubles and reorders datagrams', async () => {
    const { simulation, a, b } = twoHosts(3, { link: { loss: 0.2, duplicate: 0.2 } });
    simulation.network.link('a', 'b', { latencyMs: [1, 50] });
    const received: string[] = [];
    const from = await udp(simulation, a, '10.0.0.1');
    const to = await udp(simulation, b, '10.0.0.2', (text) => received.push(text));
    for (let i = 0; i < 1000; i++) from.send(bytes(String(i)), to.endpoint);
    await simulation.run(100);
    const distinct = new Set(received).size;
    expect(distinct).toBeGreaterThan(750);
    expect(distinct).toBeLessThan(850);
    expect(received.length).toBeGreaterThan(distinct + 100);
    expect(received).not.toEqual([...received].sort((x, y) => Number(x) - Number(y)));
  });

  it('keeps the order of a stream over a bad link', async () => {
    const { simulation, a, b } = twoHosts(4, {
      link: { loss: 0.1, latencyMs: [1, 90], split: 0.5 },
    });
    const { near, far } = await connect(simulation, a, b);
    const heard = hear(far);
    const lines = Array.from({ length: 500 }, (_, i) => `line ${i}\n`);
    for (const line of lines) near.write(bytes(line));
    near.end();
    await simulation.settle(heard.until((h) => h.ended));
    expect(heard.text).toBe(lines.join(''));
  });

  it('cuts one direction, and TCP goes on after healing', async () => {
    const { simulation, a, b } = twoHosts();
    const { near, far } = await connect(simulation, a, b);
    const [atA, atB] = [hear(near), hear(far)];
    simulation.network.partition('a', 'b', 'there');
    near.write(bytes('to b'));
    far.write(bytes('to a'));
    await simulation.run(5000);
    expect([atA.text, atB.text]).toEqual(['to a', '']);
    simulation.network.heal();
    await simulation.run(11_000);
    expect([atA.text, atB.text]).toEqual(['to a', 'to b']);
    expect([atA.closings, atB.closings]).toEqual([[], []]);
  });

  it('keeps the order of a stream whose path was cut while it was written to', async () => {
    const { simulation, a, b } = twoHosts();
    const { near, far } = await connect(simulation, a, b);
    const heard = hear(far);
    simulation.network.partition('a', 'b');
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}\n`);
    for (const line of lines) {
      near.write(bytes(line));
      await simulation.run(100);
    }
    simulation.network.heal();
    near.end();
    await simulation.settle(heard.until((h) => h.ended));
    expect(heard.text).toBe(lines.join(''));
  });

  it('gives up a stream whose path stays cut, and dials in vain meanwhile', async () => {
    const { simulation, a, b } = twoHosts();
    const { near } = await connect(simulation, a, b);
    const heard = hear(near);
    simulation.network.isolate('b');
    near.write(bytes('anybody?'));
    const dialing = a.world.network.connectTcp({ host: '10.0.0.2', port: PORT, timeoutMs: 3000 });
    await expect(simulation.settle(dialing)).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      message: 'dial tcp 10.0.0.2:8300: i/o timeout',
    });
    expect(simulation.nowMs).toBeLessThan(3100);
    await simulation.settle(heard.until(isClosed));
    expect(heard.closings[0]).toMatchObject({ code: 'ETIMEDOUT' });
  });

  it('resets connections on demand', async () => {
    const { simulation, a, b } = twoHosts();
    const { near, far } = await connect(simulation, a, b);
    const heard = [hear(near), hear(far)];
    expect(simulation.network.connections('a', 'b')).toBe(1);
    expect(simulation.network.reset('a', '*')).toBe(1);
    await simulation.run(1);
    for (const one of heard) expect(one.closings[0]).toMatchObject({ code: 'ECONNRESET' });
    expect(simulation.network.connections('*', '*')).toBe(0);
  });

  it('keeps segments apart, even when they use the same addresses', async () => {
    const simulation = createSimulation({ seed: 1 });
    const lan = (segment: string) => ({ address: '10.0.0.1', segment });
    simulation.host({ name: 's1', addresses: [lan('dc1')] });
    simulation.host({ name: 's2', addresses: [lan('dc2')] });
    const gateway = simulation.host({
      name: 'gateway',
      addresses: [
        { address: '10.0.0.9', segment: 'dc1' },
        { address: '192.0.2.1', segment: 'wan' },
      ],
    });
    const far = simulation.host({
      name: 'far',
      addresses: [{ address: '192.0.2.2', segment: 'wan' }],
    });
    const sources: string[] = [];
    await simulation.settle(
      gateway.world.network.listenTcp({ address: '0.0.0.0', port: 443 }, (stream) =>
        sources.push(stream.remote.address),
      ),
    );
    const dial = (host: SimulatedHost, to: string) =>
      simulation.settle(
        host.world.network.connectTcp({ host: to, port: 443, timeoutMs: 2000 }).then(
          () => 'opened',
          (error: Error) => (error as unknown as { code: string }).code,
        ),
      );
    expect(await dial(far, '192.0.2.1')).toBe('opened');
    expect(await dial(far, '10.0.0.9')).toBe('ETIMEDOUT');
    expect(await dial(gateway, '10.0.0.1')).toBe('ECONNREFUSED');
    expect(sources).toEqual(['192.0.2.2']);
  });

  it('starts TLS with a record that a proxy can read', async () => {
    const { simulation, a, b } = twoHosts();
    const { near, far } = await connect(simulation, a, b);
    const heard: number[] = [];
    far.listen({ data: (chunk) => heard.push(...chunk) });
    const trusted = simulatedAuthority('mobius');
    a.world.network
      .tlsClient(near, {
        caPem: [trusted.pem],
        servername: 'node1.server.dc2.consul',
        verify: 'name',
        alpn: ['consul/rpc-single'],
        minVersion: 'TLSv1.2',
        handshakeTimeoutMs: 1000,
      })
      .catch(() => {});
    await simulation.run(10);
    expect(heard.slice(0, 3)).toEqual([22, 3, 1]);
    expect(heard.length).toBe(5 + (heard[3] ?? 0) * 256 + (heard[4] ?? 0));
    const text = String.fromCharCode(...heard);
    expect(text).toContain('node1.server.dc2.consul');
    expect(text).toContain('consul/rpc-single');
  });

  it('knows simulated certificates', async () => {
    const { simulation, a, b } = twoHosts();
    const { near, far } = await connect(simulation, a, b);
    const { pem, issue } = simulatedAuthority('mobius');
    const common = { caPem: [pem], minVersion: 'TLSv1.2', handshakeTimeoutMs: 1000 } as const;
    const [client, server] = await simulation.settle(
      Promise.all([
        a.world.network.tlsClient(near, {
          ...common,
          identity: issue({ commonName: 'client.dc1.consul' }),
          servername: 'n.server.dc1.consul',
          verify: 'name',
        }),
        b.world.network.tlsServer(far, {
          ...common,
          identity: issue({ commonName: 's', names: ['*.server.dc1.consul'] }),
          clientCertificate: 'require',
        }),
      ]),
    );
    expect(client.tls?.peer?.commonName).toBe('s');
    expect(server.tls?.peer?.commonName).toBe('client.dc1.consul');
  });
});

describe('simulated processes', () => {
  it('tells peers of a killed process and never wakes it again', async () => {
    const { simulation, a, b } = twoHosts();
    const { near } = await connect(simulation, a, b);
    const heard = hear(near);
    const old = b.world;
    let woken = 0;
    const wake = (): void => {
      woken++;
    };
    old.clock.setTimeout(wake, 10);
    void old.disk.exists('/').then(wake);
    b.kill();
    expect(b.world).not.toBe(old);
    void old.network.resolve('a').then(wake);
    await simulation.settle(heard.until((h) => h.ended));
    await simulation.run(100);
    expect(woken).toBe(0);
    const again = a.world.network.connectTcp({ host: 'b', port: PORT, timeoutMs: 1000 });
    await expect(simulation.settle(again)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await connect(simulation, a, b);
  });

  it('leaves the port of a process that died as it began to listen to the next one', async () => {
    const { simulation, a } = twoHosts();
    const at = { address: '10.0.0.1', port: PORT };
    void a.world.network.listenTcp(at, () => {});
    a.kill();
    const listener = await simulation.settle(a.world.network.listenTcp(at, () => {}));
    expect(listener.endpoint).toEqual(at);
  });

  it('tells peers nothing of a loss of power until they speak', async () => {
    const { simulation, a, b } = twoHosts();
    const { near } = await connect(simulation, a, b);
    const heard = hear(near);
    b.crash();
    await simulation.run(60_000);
    expect(heard.closings).toEqual([]);
    near.write(bytes('hello?'));
    await simulation.settle(heard.until(isClosed));
    expect(heard.closings[0]).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('simulated disk', () => {
  const content = (host: SimulatedHost, simulation: Simulation, path: string) =>
    simulation.settle(
      host.world.disk.readFile(path).then(
        (read) => new TextDecoder().decode(read),
        (error: Error) => (error as unknown as { code: string }).code,
      ),
    );

  it('keeps what was synced, and of the rest all, nothing or a torn part', async () => {
    const synced = 'synced.'.padEnd(700, '.');
    const whole = `${synced}${'unsynced'.padEnd(1_500, '!')}`;
    const sectors = (text: string) => text.match(/.{1,512}/gs) ?? [];
    const kinds = { nothing: 0, all: 0, cut: 0, sectorsLost: 0 };
    for (let seed = 0; seed < 240; seed++) {
      const { simulation, a } = twoHosts(seed);
      const { disk } = a.world;
      const file = await simulation.settle(disk.open('/log', 'create'));
      await simulation.settle(file.write(0, [bytes(synced)]));
      await simulation.settle(file.sync());
      await simulation.settle(disk.syncDirectory('/'));
      const [head, rest] = [whole.slice(700, 900), whole.slice(900)];
      await simulation.settle(file.write(700, [bytes(head), bytes(rest)]));
      a.crash();
      const left = await content(a, simulation, '/log');
      expect(left.startsWith(synced)).toBe(true);
      if (left === synced) kinds.nothing += 1;
      else if (left === whole) kinds.all += 1;
      else if (whole.startsWith(left)) kinds.cut += 1;
      else {
        kinds.sectorsLost += 1;
        const before = sectors(synced.padEnd(whole.length, '\0'));
        sectors(left).forEach((sector, at) => {
          expect([before[at], sectors(whole)[at]]).toContain(sector);
        });
      }
    }
    for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(5);
  });

  it('keeps what a durable write has confirmed, and perhaps one that has not ended', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 120; seed++) {
      const { simulation, a } = twoHosts(seed);
      const { disk } = a.world;
      const file = await simulation.settle(disk.open('/log', 'create'));
      await simulation.settle(disk.syncDirectory('/'));
      await simulation.settle(file.writeDurably(0, bytes('confirmed.')));
      file.writeDurably(10, bytes('begun')).catch(() => {});
      await simulation.run((seed % 4) * 0.07);
      a.crash();
      const left = await content(a, simulation, '/log');
      expect(left.startsWith('confirmed.')).toBe(true);
      outcomes.add(left);
    }
    expect(outcomes).toContain('confirmed.');
    expect(outcomes).toContain('confirmed.begun');
  });

  it('may lose a file whose folder was not synced, and keeps replaced files whole', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const { simulation, a } = twoHosts(seed);
      const { disk } = a.world;
      await simulation.settle(disk.writeFileAtomic('/state', bytes('old')));
      await simulation.settle(disk.writeFileAtomic('/state', bytes('new')));
      const file = await simulation.settle(disk.open('/segment', 'create'));
      await simulation.settle(file.write(0, [bytes('x')]));
      await simulation.settle(file.sync());
      a.crash();
      expect(await content(a, simulation, '/state')).toBe('new');
      outcomes.add(await content(a, simulation, '/segment'));
    }
    expect([...outcomes].sort()).toEqual(['ENOENT', 'x']);
  });

  it('keeps everything written when only the process was killed', async () => {
    const { simulation, a } = twoHosts();
    const file = await simulation.settle(a.world.disk.open('/log', 'create'));
    await simulation.settle(file.write(0, [bytes('kept')]));
    a.kill();
    expect(await content(a, simulation, '/log')).toBe('kept');
  });

  it('fails on demand, fills up, and rots', async () => {
    const { simulation, a } = twoHosts();
    const { disk } = a.world;
    await simulation.settle(disk.writeFileAtomic('/f', bytes('aaaa')));
    a.disk.fault = ({ kind }) => (kind === 'sync' ? 'EIO' : undefined);
    const file = await simulation.settle(disk.open('/f', 'write'));
    await expect(simulation.settle(file.sync())).rejects.toMatchObject({ code: 'EIO' });
    a.disk.fault = undefined;
    a.disk.settings = { ...a.disk.settings, capacityBytes: 10 };
    const full = file.write(4, [new Uint8Array(20)]);
    await expect(simulation.settle(full)).rejects.toMatchObject({ code: 'ENOSPC' });
    a.disk.flipBit('/f', 9);
    expect(await content(a, simulation, '/f')).toBe('acaa');
    expect(a.disk.files).toEqual(['/f']);
  });
});

/** A small busy world: three hosts that gossip, connect and crash by chance. */
async function busyRun(seed: number): Promise<{ hash: string; lines: readonly string[] }> {
  const simulation = createSimulation({
    seed,
    link: { loss: 0.05, duplicate: 0.05, latencyMs: [1, 20] },
    traceLinesMax: 100_000,
  });
  const names = ['a', 'b', 'c'] as const;
  const hosts = names.map((name, i) => simulation.host({ name, addresses: [`10.0.0.${i + 1}`] }));
  const start = async (host: SimulatedHost): Promise<void> => {
    const { network, clock, random, disk } = host.world;
    const socket = await network.bindUdp({ address: '0.0.0.0', port: 1 }, { received: () => {} });
    await network.listenTcp({ address: '0.0.0.0', port: 2 }, (stream) => {
      stream.listen({ data: (chunk) => void stream.write(chunk), end: () => stream.end() });
    });
    const beat = async (): Promise<void> => {
      clock.setTimeout(() => void beat(), 5 + random.float() * 10);
      const address = `10.0.0.${1 + (random.uint32() % 3)}`;
      socket.send(random.bytes(20), { address, port: 1 });
      await disk.writeFileAtomic('/beat', random.bytes(8));
      if (random.float() > 0.2) return;
      const stream = await network
        .connectTcp({ host: address, port: 2, timeoutMs: 500 })
        .catch(() => undefined);
      stream?.listen({ data: () => stream.end() });
      stream?.write(random.bytes(100));
    };
    await beat();
  };
  for (const host of hosts) void start(host);
  for (let round = 0; round < 20; round++) {
    await simulation.run(100);
    const host = hosts[simulation.random.uint32() % 3] as SimulatedHost;
    if (simulation.random.chance(0.5)) host.crash();
    else host.kill();
    void start(host);
    if (round % 5 === 0) simulation.network.partition('a', 'b');
    if (round % 5 === 3) simulation.network.heal();
  }
  return { hash: simulation.trace.hash, lines: simulation.trace.lines };
}

describe('a seed', () => {
  it('decides everything: same seed, same trace; another seed, another trace', async () => {
    const [first, second, other] = [await busyRun(11), await busyRun(11), await busyRun(12)];
    expect(first.lines.length).toBeGreaterThan(500);
    expect(second.lines).toEqual(first.lines);
    expect(second.hash).toBe(first.hash);
    expect(other.hash).not.toBe(first.hash);
  });
});

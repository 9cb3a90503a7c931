import { afterEach, describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { type AlpnListenerEvent, alpnListenerMachine } from '../../machines/port/alpn-listener.ts';
import { REFUSALS } from '../../machines/port/connection.ts';
import { RpcPool } from '../../src/rpc/client/pool.ts';
import { createDialer } from '../../src/rpc/dialer.ts';
import { TlsConfigurator } from '../../src/tls/configurator.ts';
import { createCa, createCertificate } from '../../src/tls/pki/certificate.ts';
import { encode } from '../../src/wire/msgpack/schema.ts';
import { encodeRequest } from '../../src/wire/rpc/headers.ts';
import { encodePacketFrame } from '../../src/wire/wanfed/packets.ts';
import { modelTest } from '../support/model-test.ts';
import {
  CA,
  identity,
  type PortFixture,
  type PortFixtureOptions,
  portFixture,
  SETTINGS,
  until,
} from '../support/port-fixture.ts';
import { ECHO, echo } from '../support/rpc-fixture.ts';
import { collect } from '../support/stream-pair.ts';

const fixtures: PortFixture[] = [];
afterEach(() => {
  for (const fixture of fixtures.splice(0)) fixture.stop();
});

async function open(options: PortFixtureOptions = {}): Promise<PortFixture> {
  const fixture = await portFixture(options);
  fixtures.push(fixture);
  return fixture;
}

const request = (text: string): Buffer =>
  encodeRequest({ ServiceMethod: 'Test.Echo', Seq: 1 }, encode(ECHO.request, echo(text)));

const reasons = (fixture: PortFixture): unknown[] =>
  fixture.log.lines
    .filter((line) => line.text === 'connection refused')
    .map((line) => line.fields['reason']);

describe('the server port', () => {
  it('reaches all states and transitions', () => {
    const coverage = modelTest(alpnListenerMachine, {
      events: [
        { type: 'port.opened', port: 1 } as AlpnListenerEvent,
        { type: 'port.failed', error: new Error('in use') } as AlpnListenerEvent,
      ],
    });
    expect(coverage.missing).toEqual([]);
  });

  it('answers single RPC on byte 0 and sessions on byte 4, type byte and request in any pieces', async () => {
    const fixture = await open({ bare: true });
    const single = await fixture.connect();
    const got = collect(single);
    for (const byte of Buffer.concat([Uint8Array.of(0), request('split')]))
      single.write(Uint8Array.of(byte));
    await until(() => got.bytes().includes('split'));
    const pool = new RpcPool({
      clock: fixture.world.clock,
      dialer: createDialer({
        network: fixture.world.network,
        datacenter: 'dc1',
        role: 'server',
        tls: new TlsConfigurator(SETTINGS, { caPem: [] }),
      }),
    });
    const server = {
      node: 'node1',
      datacenter: 'dc1',
      address: { address: '127.0.0.1', port: fixture.port },
    };
    await expect(pool.call(server, ECHO, echo('multi'))).resolves.toMatchObject({ Text: 'multi' });
    expect(fixture.counts.handedOver).toMatchObject({ 'rpc-single': 1, 'rpc-multi': 1 });
    pool.close();
  });

  it('hands raft and snapshot connections over with every byte after the type byte', async () => {
    const fixture = await open({ bare: true });
    for (const byte of [1, 5]) {
      const stream = await fixture.connect();
      stream.write(Uint8Array.of(byte, 0x61, 0x62));
    }
    await until(() => fixture.taken.length === 2);
    expect(fixture.taken.map((message) => message.type).sort()).toEqual([
      'raft.accepted',
      'snapshot.accepted',
    ]);
    for (const message of fixture.taken) {
      if (message.type !== 'raft.accepted' && message.type !== 'snapshot.accepted') continue;
      const got = collect(message.stream);
      await until(() => got.bytes().length === 2);
      expect(got.bytes().toString()).toBe('ab');
    }
  });

  it.each([
    ['consul/raft', 'raft.accepted'],
    ['consul/rpc-snapshot', 'snapshot.accepted'],
    ['consul/wan-gossip/stream', 'stream.accepted'],
  ])('native TLS with ALPN %s becomes %s', async (alpn, type) => {
    const fixture = await open();
    const stream = await fixture.connectTls({ alpn: [alpn] });
    stream.write(Buffer.from('hello'));
    await until(() => fixture.taken.length === 1);
    expect(fixture.taken[0]?.type).toBe(type);
    const message = fixture.taken[0];
    if (message === undefined || message.type === 'packets.received') throw new Error('no stream');
    const got = collect(message.stream);
    await until(() => got.bytes().length === 5);
    expect(message.stream.tls).toMatchObject({ alpn, servername: 'server.dc1.consul' });
  });

  it('answers RPC on ALPN consul/rpc-single, whatever the SNI', async () => {
    const fixture = await open();
    const stream = await fixture.connectTls({
      alpn: ['consul/rpc-single'],
      servername: 'nonsense.example',
      verify: 'chain',
    });
    const got = collect(stream);
    stream.write(request('native'));
    await until(() => got.bytes().includes('native'));
    expect(fixture.counts.handedOver['rpc-single']).toBe(1);
  });

  it('takes gossip packets in batches, drops half a packet, closes on one that is too large', async () => {
    const fixture = await open();
    const stream = await fixture.connectTls({ alpn: ['consul/wan-gossip/packet'] });
    const end = collect(stream);
    const frames = ['one', 'two', 'three'].map((text) => encodePacketFrame(Buffer.from(text)));
    stream.write(Buffer.concat([...frames, Buffer.from('00400001', 'hex')]));
    await until(() => end.closed() || end.ended());
    const packets = fixture.taken.flatMap((message) =>
      message.type === 'packets.received' ? message.packets : [],
    );
    expect(packets.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([
      'one',
      'two',
      'three',
    ]);
    expect(reasons(fixture)).toEqual(['gossip packet size 4194305 exceeds threshold of 4194304']);
  });

  it.each([
    ['an unknown protocol', { alpn: ['consul/foo'] }, /no.application.protocol/],
    ['gRPC, which is not served', { alpn: ['consul/rpc-grpc'] }, /no.application.protocol/],
  ])('refuses %s in the handshake', async (_name, options, text) => {
    const fixture = await open();
    const outcome = await fixture.connectTls(options).then(
      (stream) => ({ stream, error: undefined }),
      (error: Error) => ({ stream: undefined, error }),
    );
    if (outcome.stream !== undefined) {
      const got = collect(outcome.stream);
      await until(() => got.closed() || got.ended());
    } else expect(outcome.error.message).toMatch(text);
    await until(() => fixture.counts.refused === 1);
    expect(String(reasons(fixture)[0])).toMatch(/^TLS handshake failed: /);
  });

  it.each([
    ['no ALPN', {}],
    ['consul/rpc-gossip', { alpn: ['consul/rpc-gossip'] }],
  ])('completes the handshake and closes on %s', async (_name, options) => {
    const fixture = await open();
    const got = collect(await fixture.connectTls(options));
    await until(() => got.closed() || got.ended());
    expect(reasons(fixture)).toEqual([REFUSALS.protocol]);
  });

  it.each([
    ['no certificate', { identity: undefined }],
    ['a certificate of a foreign authority', { identity: identity('foreign') }],
  ])('refuses a native TLS client with %s', async (_name, options) => {
    const fixture = await open();
    const { identity: own, ...rest } = {
      alpn: ['consul/rpc-multi'],
      ...options,
    };
    const stream = await fixture.world.network
      .tlsClient(await fixture.connect(), {
        caPem: [CA],
        ...(own !== undefined && { identity: own }),
        verify: 'chain',
        minVersion: 'TLSv1.2',
        handshakeTimeoutMs: 2000,
        ...rest,
      })
      .catch(() => undefined);
    await until(() => fixture.counts.refused === 1);
    stream?.destroy();
    expect(String(reasons(fixture)[0])).toMatch(/^TLS handshake failed: /);
    expect(fixture.taken).toEqual([]);
  });

  it('lets a plain client certificate call, but not speak raft', async () => {
    const fixture = await open();
    const raft = await fixture.connectTls({ alpn: ['consul/raft'], identity: identity('client') });
    const got = collect(raft);
    await until(() => got.closed() || got.ended());
    expect(reasons(fixture)).toEqual([
      'AuthorizeServerConn failed certificate validation for certificate with a SAN.DNSName of [client.dc1.consul]',
    ]);
    const rpc = await fixture.connectTls({
      alpn: ['consul/rpc-single'],
      identity: identity('client'),
    });
    const answer = collect(rpc);
    rpc.write(request('client'));
    await until(() => answer.bytes().includes('client'));
    expect(fixture.taken).toEqual([]);
  });

  it('serves byte 3 and the byte inside, refuses plaintext, under verify_incoming', async () => {
    const fixture = await open({ settings: { verifyIncoming: true } });
    const plain = await fixture.connect();
    const cut = collect(plain);
    plain.write(Uint8Array.of(4));
    await until(() => cut.closed() || cut.ended());
    expect(reasons(fixture)).toEqual([REFUSALS.plaintext]);
    const tls = new TlsConfigurator(
      { ...SETTINGS, verifyOutgoing: true, verifyServerHostname: true },
      { caPem: [CA], identity: identity('client') },
    );
    const dialer = createDialer({
      network: fixture.world.network,
      datacenter: 'dc1',
      role: 'client',
      tls,
    });
    const pool = new RpcPool({ clock: fixture.world.clock, dialer });
    const server = {
      node: 'node1',
      datacenter: 'dc1',
      address: { address: '127.0.0.1', port: fixture.port },
    };
    await expect(pool.call(server, ECHO, echo('inner'))).resolves.toMatchObject({ Text: 'inner' });
    const raft = await dialer.dial({ ...server, kind: 'raft' });
    const refused = collect(raft);
    await until(() => refused.closed() || refused.ended());
    expect(String(reasons(fixture)[1])).toMatch(/^AuthorizeServerConn failed/);
    pool.close();
  });

  it('serves other methods on byte 7, to whoever has no certificate yet', async () => {
    const fixture = await open({ settings: { verifyIncoming: true } });
    const plain = await fixture.connect();
    plain.write(Uint8Array.of(7));
    const stream = await fixture.world.network.tlsClient(plain, {
      caPem: [CA],
      servername: 'server.dc1.consul',
      verify: 'name',
      minVersion: 'TLSv1.2',
      handshakeTimeoutMs: 2000,
    });
    const got = collect(stream);
    stream.write(request('nobody'));
    await until(() => got.ended());
    expect(got.bytes().toString()).toContain("rpc: can't find service Test.Echo");
    expect(fixture.counts.handedOver).toMatchObject({ 'rpc-insecure': 1, 'rpc-single': 0 });
  });

  it('trusts certificates of the mesh like others, except to speak raft', async () => {
    const fixture = await open({ settings: { verifyIncoming: true } });
    const { random, clock } = fixture.world;
    const making = { random, nowMs: clock.now() };
    const mesh = createCa({ days: 1 }, making);
    const name = 'server.dc1.consul';
    const pretender = createCertificate(
      {
        commonName: name,
        days: 1,
        dnsNames: [name],
        ipAddresses: [],
        extendedUsage: ['serverAuth', 'clientAuth'],
      },
      mesh,
      making,
    );
    const alpn = (protocol: string) => ({ alpn: [protocol], identity: pretender });
    const untrusted = collect(await fixture.connectTls(alpn('consul/rpc-single')));
    await until(() => untrusted.closed() || untrusted.ended());
    fixture.tls.trustMesh(() => [mesh.certPem]);
    const stream = await fixture.connectTls(alpn('consul/rpc-single'));
    const got = collect(stream);
    stream.write(request('trusted'));
    await until(() => got.bytes().includes('trusted'));
    const refused = collect(await fixture.connectTls(alpn('consul/raft')));
    await until(() => refused.closed() || refused.ended());
    expect(String(reasons(fixture).at(-1))).toMatch(/^AuthorizeServerConn failed/);
    await fixture.connectTls({ alpn: ['consul/raft'] });
    await until(() => fixture.taken.length === 1);
    expect(fixture.taken[0]?.type).toBe('raft.accepted');
  });

  it('refuses a connection too many of one address, but never gossip', async () => {
    const fixture = await open({ perClientMax: 3 });
    const kept = [];
    for (let n = 0; n < 3; n++) {
      const stream = await fixture.connect();
      stream.write(Uint8Array.of(4));
      kept.push(stream);
    }
    await until(() => fixture.counts.handedOver['rpc-multi'] === 3);
    const surplus = await fixture.connect();
    const cut = collect(surplus);
    surplus.write(Uint8Array.of(4));
    await until(() => cut.closed() || cut.ended());
    expect(reasons(fixture)).toEqual([REFUSALS.tooMany]);
    // Native TLS is counted by certificate: the same address has room for another client.
    for (let n = 0; n < 5; n++) await fixture.connectTls({ alpn: ['consul/wan-gossip/packet'] });
    const native = await fixture.connectTls({ alpn: ['consul/rpc-single'] });
    const got = collect(native);
    native.write(request('room'));
    await until(() => got.bytes().includes('room'));
    kept[0]?.destroy();
    await until(() => fixture.counts.openNow === 8);
    const again = await fixture.connect();
    again.write(Uint8Array.of(4));
    await until(() => fixture.counts.handedOver['rpc-multi'] === 4);
    expect(fixture.counts.refused).toBe(1);
  });

  it('cuts a client that says nothing, and forgets one that just leaves', async () => {
    const fixture = await open({ handshakeTimeoutMs: 50 });
    const leaving = await fixture.connect();
    leaving.destroy();
    const silent = collect(await fixture.connect());
    const half = await fixture.connect();
    half.write(Uint8Array.of(0x16, 3, 1));
    const halfEnd = collect(half);
    await until(() => silent.closed() || silent.ended());
    await until(() => halfEnd.closed() || halfEnd.ended());
    expect(reasons(fixture)).toHaveLength(2);
    expect(reasons(fixture)).toContain(REFUSALS.noFirstByte);
    expect(fixture.counts.unsortedNow).toBe(0);
  });

  it('stays healthy under random streams, with a bounded log', async () => {
    const fixture = await open();
    let seed = 1;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    // What was handed over has no owner here.
    const sweep = (): boolean => {
      for (const message of fixture.taken.splice(0)) {
        if ('stream' in message) message.stream.destroy();
      }
      return false;
    };
    for (let round = 0; round < 40; round++) {
      await Promise.all(
        Array.from({ length: 25 }, async () => {
          const stream = await fixture.connect();
          const got = collect(stream);
          const bytes = Buffer.from(
            Array.from({ length: 1 + Math.floor(random() * 64) }, () => Math.floor(random() * 256)),
          );
          if (random() < 0.6) bytes[0] = Math.floor(random() * 10);
          stream.write(bytes);
          stream.end();
          if (random() < 0.3) stream.destroy();
          else await until(() => sweep() || got.closed() || got.ended());
          stream.destroy();
        }),
      );
    }
    sweep();
    await until(() => fixture.counts.unsortedNow === 0 && fixture.counts.openNow === 0);
    expect(fixture.counts.accepted).toBe(1000);
    expect(fixture.log.lines.length).toBeLessThan(500);
    const stream = await fixture.connect();
    const got = collect(stream);
    stream.write(Buffer.concat([Uint8Array.of(0), request('alive')]));
    await until(() => got.bytes().includes('alive'));
  });

  it("ends with the system's error when the port is in use", async () => {
    const fixture = await open();
    const { createAlpnListenerActor } = await import('../../actors/port/alpn-listener.ts');
    const { createPortCounts } = await import('../../actors/port/connections.ts');
    const second = createActor(
      createAlpnListenerActor({
        world: fixture.world,
        at: { address: '127.0.0.1', port: fixture.port },
        log: fixture.log,
        post: { send() {}, ask: () => Promise.reject(new Error('none')) },
        tls: fixture.tls,
        rpc: fixture.rpc,
        gossip: 'refused',
        counts: createPortCounts(),
      }),
    );
    const failure = new Promise<Error>((resolve) =>
      second.subscribe({ error: (error) => resolve(error as Error) }),
    );
    second.start();
    expect((await failure).message).toMatch(/address already in use/);
  });
});

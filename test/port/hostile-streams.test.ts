/**
 * Goal: no stream of bytes, however foreign, hurts the server port. Method: random, truncated and
 * bit-flipped streams against port, yamux, RPC and packet parser in memory; afterwards nothing is
 * kept, the heap is where it was, and the port answers.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { createActor, fromCallback } from 'xstate';
import { createPortCounts, PortConnections } from '../../actors/port/connections.ts';
import { createMemoryLog } from '../../src/log.ts';
import { RpcServer } from '../../src/rpc/server/server.ts';
import { TlsConfigurator } from '../../src/tls/configurator.ts';
import { encode } from '../../src/wire/msgpack/schema.ts';
import { encodeRequest } from '../../src/wire/rpc/headers.ts';
import { encodeHeader, FLAG, FRAME } from '../../src/wire/yamux/frames.ts';
import type { ByteStream, Network, TlsServerOptions } from '../../src/world/world.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SETTINGS } from '../support/port-fixture.ts';
import { ECHO, echo, echoMethods } from '../support/rpc-fixture.ts';
import { collect, settle, streamPair } from '../support/stream-pair.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const STREAMS = 20_000;
const AT_ONCE = 250;
const ALPNS = [
  'consul/rpc-single',
  'consul/rpc-multi',
  'consul/wan-gossip/packet',
  'consul/wan-gossip/stream',
  'consul/raft',
  null,
];

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function port() {
  const clock = new ManualClock();
  const log = createMemoryLog();
  const counts = createPortCounts();
  const random = generator(99);
  const owned: ByteStream[] = [];
  const rpc = new RpcServer({ clock, methods: echoMethods() });
  // TLS that costs nothing: half of the handshakes succeed, with some protocol.
  const tlsServer = async (stream: ByteStream, options: TlsServerOptions): Promise<ByteStream> => {
    await Promise.resolve();
    if (random() < 0.5) {
      stream.destroy();
      throw new Error('tls: handshake: not TLS');
    }
    const alpn = options.alpn === undefined ? null : (ALPNS[Math.floor(random() * 6)] ?? null);
    Object.assign(stream, { tls: { alpn, servername: null } });
    return stream;
  };
  const own = (stream: ByteStream): void => void owned.push(stream);
  const parent = createActor(fromCallback(() => {})).start();
  const connections = new PortConnections({
    network: { tlsServer } as unknown as Network,
    clock,
    log,
    post: {
      send: (_to: string, message: object) => {
        if ('stream' in message) own(message.stream as ByteStream);
      },
      ask: () => Promise.reject(new Error('none')),
    } as never,
    tls: new TlsConfigurator(SETTINGS, {
      caPem: ['x'],
      identity: { certPem: 'x', keyPem: 'x' },
    }),
    rpc,
    gossip: 'taken',
    perClientMax: 0,
    counts,
    parent,
  });
  return { clock, log, counts, owned, connections, rpc };
}

/** What an attacker may send: noise, or something sound that was cut or damaged. */
function hostileBytes(random: () => number): Buffer {
  const size = Math.floor(random() * 200);
  const noise = (): Buffer => Buffer.from(Array.from({ length: size }, () => random() * 256));
  const request = encodeRequest(
    { ServiceMethod: 'Test.Echo', Seq: 1 },
    encode(ECHO.request, echo('x'.repeat(size))),
  );
  const frames = Buffer.concat([
    encodeHeader(FRAME.windowUpdate, FLAG.syn, 1, 0),
    encodeHeader(FRAME.data, 0, 1, request.length),
    request,
  ]);
  const kind = Math.floor(random() * 5);
  const sound = [
    noise(),
    Buffer.concat([Uint8Array.of(0), request]),
    Buffer.concat([Uint8Array.of(4), frames]),
    Buffer.concat([Uint8Array.of(0x16), frames]),
    Buffer.concat([Uint8Array.of(3, 4), frames]),
  ][kind] as Buffer;
  const bytes = Buffer.from(sound.subarray(0, Math.floor(random() * (sound.length + 1))));
  if (bytes.length > 1 && random() < 0.7) {
    bytes[1 + Math.floor(random() * (bytes.length - 1))] = Math.floor(random() * 256);
  }
  return bytes;
}

describe('hostile streams', () => {
  it('leave the port healthy and the heap flat', async () => {
    const random = generator(1);
    const { connections, counts, owned, clock, log, rpc } = port();
    const round = async (): Promise<void> => {
      const peers = Array.from({ length: AT_ONCE }, () => {
        const [near, far] = streamPair();
        connections.accept(far);
        const bytes = hostileBytes(random);
        const at = Math.floor(random() * bytes.length);
        if (at > 0) near.write(bytes.subarray(0, at));
        if (at < bytes.length) near.write(bytes.subarray(at));
        if (random() < 0.5) near.end();
        return near;
      });
      await settle();
      await settle();
      for (const stream of owned.splice(0)) stream.destroy();
      for (const peer of peers) peer.destroy();
      await settle();
    };
    const heapBytes = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    for (let done = 0; done < STREAMS / 4; done += AT_ONCE) await round();
    const before = heapBytes();
    for (let done = 0; done < STREAMS; done += AT_ONCE) await round();
    const grown = heapBytes() - before;
    expect(counts.accepted).toBe(STREAMS * 1.25);
    expect({ unsorted: counts.unsortedNow, open: counts.openNow, timers: clock.armed }).toEqual({
      unsorted: 0,
      open: 0,
      timers: 0,
    });
    expect(grown).toBeLessThan(4 * 1024 * 1024);
    expect(log.lines.length).toBeLessThanOrEqual(20);
    expect(rpc.counts().calls).toBeGreaterThan(100);
    const [near, far] = streamPair();
    connections.accept(far);
    const got = collect(near);
    near.write(
      Buffer.concat([
        Uint8Array.of(0),
        encodeRequest({ ServiceMethod: 'Test.Echo', Seq: 1 }, encode(ECHO.request, echo('alive'))),
      ]),
    );
    await settle();
    await settle();
    expect(got.bytes().includes('alive')).toBe(true);
  });
});

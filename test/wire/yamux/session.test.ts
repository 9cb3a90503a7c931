import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHeader, FLAG, FRAME } from '../../../src/wire/yamux/frames.ts';
import { ROOM_BYTES_MAX, STREAMS_MAX, YamuxSession } from '../../../src/wire/yamux/session.ts';
import { WINDOW_BYTES } from '../../../src/wire/yamux/stream.ts';
import type { ByteStream } from '../../../src/world/world.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { collect, type StreamPairOptions, settle, streamPair } from '../../support/stream-pair.ts';

function sessions(options: StreamPairOptions = {}) {
  const clock = new ManualClock();
  const [left, right] = streamPair(options);
  const accepted: ByteStream[] = [];
  const ends: (Error | undefined)[] = [];
  const client = new YamuxSession({ connection: left, role: 'client', clock });
  const server = new YamuxSession({
    connection: right,
    role: 'server',
    clock,
    accepted: (stream) => void accepted.push(stream),
    closed: (error) => void ends.push(error),
  });
  return { clock, client, server, accepted, ends, left, right };
}

/** A server session whose peer is the test itself, writing raw bytes. */
function rawPeer() {
  const clock = new ManualClock();
  const [peer, connection] = streamPair();
  const heard = collect(peer);
  const accepted: ByteStream[] = [];
  const ends: (Error | undefined)[] = [];
  const session = new YamuxSession({
    connection,
    role: 'server',
    clock,
    accepted: (stream) => void accepted.push(stream),
    closed: (error) => void ends.push(error),
  });
  const send = (...parts: readonly Uint8Array[]): Promise<void> => {
    peer.write(Buffer.concat(parts));
    return settle();
  };
  return { clock, peer, heard, accepted, ends, session, send };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('a yamux session', () => {
  it('sends the SYN together with the first bytes, and not before', async () => {
    const { client, accepted, left } = sessions();
    const stream = await client.openStream();
    await settle();
    expect(left.written).toBe(0);
    expect(accepted).toHaveLength(0);
    stream.write(Buffer.from('hello'));
    await settle();
    expect(left.written).toBe(12 + 12 + 5);
    expect(accepted).toHaveLength(1);
    expect(collect(accepted[0] as ByteStream).bytes().length).toBe(0);
  });

  it('carries bytes both ways and closes each half on its own', async () => {
    const { client, server, accepted } = sessions();
    const stream = await client.openStream();
    const back = collect(stream);
    stream.write(Buffer.from('question'));
    stream.end();
    await settle();
    const there = accepted[0] as ByteStream;
    const forth = collect(there);
    await settle();
    expect(forth.bytes().toString()).toBe('question');
    expect(forth.ended()).toBe(true);
    expect(forth.closed()).toBe(false);
    there.write(Buffer.from('answer'));
    there.end();
    await settle();
    expect(back.bytes().toString()).toBe('answer');
    expect(back.closed()).toBe(true);
    expect(forth.closed()).toBe(true);
    expect(client.streamCount + server.streamCount).toBe(0);
  });

  it('stops a writer whose reader pauses, and nobody else', async () => {
    const { client, accepted } = sessions();
    const slow = await client.openStream();
    const fast = await client.openStream();
    slow.write(Buffer.alloc(1_000_000, 1));
    fast.write(Buffer.alloc(1_000_000, 2));
    await settle();
    const [slowEnd, fastEnd] = accepted as [ByteStream, ByteStream];
    const fastGot = collect(fastEnd);
    await settle();
    await settle();
    expect(fastGot.bytes().length).toBe(1_000_000);
    expect(slow.bufferedBytes).toBe(1_000_000 - 262_144);
    const slowGot = collect(slowEnd);
    for (let turn = 0; turn < 5; turn++) await settle();
    expect(slowGot.bytes().length).toBe(1_000_000);
    expect(slow.bufferedBytes).toBe(0);
  });

  it('grants the window back exactly as it is consumed, at half of it', async () => {
    const { send, heard, accepted } = rawPeer();
    await send(encodeHeader(FRAME.windowUpdate, FLAG.syn, 1, 0));
    collect(accepted[0] as ByteStream);
    await send(encodeHeader(FRAME.data, 0, 1, 5), Buffer.alloc(5));
    expect(hex(heard.bytes())).toBe('000100020000000100000000');
    await send(encodeHeader(FRAME.data, 0, 1, 140_000), Buffer.alloc(140_000));
    expect(hex(heard.bytes().subarray(12))).toBe('0001000000000001000222e5');
  });

  it.each([
    [
      'a duplicate stream id',
      [encodeHeader(1, FLAG.syn, 1, 0), encodeHeader(1, FLAG.syn, 1, 0)],
      1,
    ],
    [
      'a FIN after a FIN',
      [
        encodeHeader(1, FLAG.syn, 1, 0),
        encodeHeader(1, FLAG.fin, 1, 0),
        encodeHeader(1, FLAG.fin, 1, 0),
      ],
      1,
    ],
    ['more data than the window', [encodeHeader(0, FLAG.syn, 1, 262_145)], 1],
    ['another version', [Buffer.from('010100010000000100000000', 'hex')], undefined],
    ['an unknown type', [Buffer.from('000400000000000100000000', 'hex')], undefined],
  ] as const)('ends on %s', async (_name, frames, goAway) => {
    const { send, heard, ends, peer } = rawPeer();
    await send(...frames);
    expect(ends).toHaveLength(1);
    expect(peer.destroyed).toBe(true);
    const last = hex(heard.bytes()).slice(-24);
    if (goAway === undefined) expect(last).toBe('');
    else expect(last).toBe(`00030000000000000000000${goAway}`);
  });

  it('ignores frames for streams it does not know, payload included', async () => {
    const { send, heard, ends } = rawPeer();
    await send(encodeHeader(FRAME.data, 0, 77, 4), Buffer.from('lost'));
    await send(encodeHeader(FRAME.ping, FLAG.syn, 0, 9));
    expect(ends).toHaveLength(0);
    expect(hex(heard.bytes())).toBe('000200020000000000000009');
  });

  it('takes data and FIN on the frame that opens a stream', async () => {
    const { send, accepted } = rawPeer();
    await send(encodeHeader(FRAME.data, FLAG.syn | FLAG.fin, 5, 3), Buffer.from('abc'));
    const got = collect(accepted[0] as ByteStream);
    await settle();
    expect(got.bytes().toString()).toBe('abc');
    expect(got.ended()).toBe(true);
  });

  it('refuses streams after it said goodbye, and lets open ones go on', async () => {
    const { send, heard, session, accepted } = rawPeer();
    await send(encodeHeader(1, FLAG.syn, 1, 0));
    session.goAway();
    await send(encodeHeader(1, FLAG.syn, 3, 0));
    expect(hex(heard.bytes()).slice(-24)).toBe('000100080000000300000000');
    (accepted[0] as ByteStream).write(Buffer.from('x'));
    await settle();
    expect(hex(heard.bytes()).slice(-26)).toBe('00000000000000010000000178');
  });

  it('opens nothing after the peer said goodbye', async () => {
    const { client, server } = sessions();
    server.goAway();
    await settle();
    await expect(client.openStream()).rejects.toThrow('remote end is not accepting connections');
  });

  it('lets the 257th opener wait for an acknowledgement', async () => {
    const clock = new ManualClock();
    const [left, peer] = streamPair();
    collect(peer);
    const client = new YamuxSession({ connection: left, role: 'client', clock });
    for (let n = 0; n < 256; n++) (await client.openStream()).write(Buffer.from('x'));
    let opened = false;
    const waiting = client.openStream().then((stream) => {
      opened = true;
      return stream;
    });
    await settle();
    expect(opened).toBe(false);
    peer.write(encodeHeader(1, FLAG.ack, 1, 0));
    await waiting;
    expect(opened).toBe(true);
  });

  it('pings every 30 s and closes when no answer comes in 10', async () => {
    const { clock, heard, ends, send } = rawPeer();
    await clock.advance(30_000);
    expect(hex(heard.bytes())).toBe('000200010000000000000000');
    await send(encodeHeader(FRAME.ping, FLAG.ack, 0, 0));
    await clock.advance(30_000);
    expect(hex(heard.bytes().subarray(12))).toBe('000200010000000000000001');
    await clock.advance(9_999);
    expect(ends).toHaveLength(0);
    await clock.advance(1);
    expect(ends[0]?.message).toBe('keepalive timeout');
  });

  it('resets a stream whose peer never ends its half', async () => {
    const { clock, client, accepted } = sessions();
    const stream = await client.openStream();
    const back = collect(stream);
    stream.end();
    await settle();
    const there = collect(accepted[0] as ByteStream);
    await clock.advance(340_000);
    expect(back.error()?.message).toBe('stream close timeout');
    expect(there.error()?.message).toBe('connection reset');
  });

  it('ends all streams when the connection goes, without a frame', async () => {
    const { client, server, accepted, left } = sessions();
    const stream = await client.openStream();
    const back = collect(stream);
    stream.write(Buffer.from('x'));
    await settle();
    const forth = collect(accepted[0] as ByteStream);
    const written = left.written;
    client.close();
    await settle();
    expect(left.written).toBe(written);
    expect(back.error()?.message).toBe('session shutdown');
    expect(forth.error()?.message).toBe('session shutdown');
    expect(server.open).toBe(false);
    await expect(client.openStream()).rejects.toThrow('session shutdown');
  });

  it('ends when the peer asks for answers and does not read them', async () => {
    const clock = new ManualClock();
    const [peer, connection] = streamPair({ highWaterBytes: 0 });
    const ends: (Error | undefined)[] = [];
    new YamuxSession({
      connection,
      role: 'server',
      clock,
      closed: (error) => void ends.push(error),
    });
    const pings = Buffer.concat(
      Array.from({ length: 10_000 }, (_, n) => encodeHeader(FRAME.ping, FLAG.syn, 0, n)),
    );
    for (let n = 0; n < 12 && ends.length === 0; n++) {
      peer.write(pings);
      await settle();
    }
    expect(ends[0]?.message).toBe('peer asks for answers and does not read them');
  });

  it('refuses streams beyond its limit with RST', async () => {
    const { peer, heard, accepted, ends } = rawPeer();
    for (let n = 0; n <= STREAMS_MAX; n++) peer.write(encodeHeader(1, FLAG.syn, 2 * n + 1, 0));
    await settle();
    expect(accepted).toHaveLength(STREAMS_MAX);
    expect(hex(heard.bytes()).slice(-24, -16)).toBe('00010008');
    expect(ends).toHaveLength(0);
  });

  it('carries many streams at once, whatever the split of the connection', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.record({
            sizes: fc.array(fc.nat(300_000), { minLength: 1, maxLength: 8 }),
            piece: fc.integer({ min: 700, max: 9000 }),
          }),
          fc.record({
            sizes: fc.array(fc.nat(1500), { minLength: 1, maxLength: 12 }),
            piece: fc.integer({ min: 1, max: 20 }),
          }),
        ),
        async ({ sizes, piece }) => {
          const cut = (bytes: Uint8Array): Uint8Array[] => {
            const pieces: Uint8Array[] = [];
            for (let at = 0; at < bytes.length; at += piece) {
              pieces.push(bytes.subarray(at, at + piece));
            }
            return pieces;
          };
          const { client, accepted } = sessions({ cut, highWaterBytes: 20_000 });
          for (const [n, size] of sizes.entries()) {
            const stream = await client.openStream();
            stream.write(Buffer.alloc(size + 1, n));
            stream.end();
          }
          await settle();
          const got = accepted.map((stream) => collect(stream));
          for (let turn = 0; turn < 400 && !got.every((g) => g.ended()); turn++) await settle();
          expect(got.map((g) => g.bytes().length)).toEqual(sizes.map((size) => size + 1));
          expect(got.every((g, n) => g.bytes().every((byte) => byte === n))).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('lets in what is large only while the peer takes what there is, and forgets who has gone', async () => {
    const { client, server, accepted } = sessions();
    const asking = await Promise.all([1, 2, 3].map(() => client.openStream()));
    for (const stream of asking) stream.write(Buffer.of(1));
    await settle();
    const [full, gone, patient] = accepted as [ByteStream, ByteStream, ByteStream];
    const started: string[] = [];
    server.whenRoom(full, () => {
      started.push('full');
      full.write(Buffer.alloc(2 * ROOM_BYTES_MAX));
    });
    server.whenRoom(gone, () => started.push('gone'));
    server.whenRoom(patient, () => started.push('patient'));
    expect(started).toEqual(['full']);
    gone.destroy();
    await settle();
    expect(started).toEqual(['full']);
    const read = collect(asking[0] as ByteStream);
    for (let turn = 0; turn < 400 && started.length < 2; turn++) await settle();
    expect(started).toEqual(['full', 'patient']);
    expect(read.bytes().length).toBeGreaterThan(ROOM_BYTES_MAX);
  });

  it('makes room when a stream that was not read is given up', async () => {
    const { client, server, accepted } = sessions();
    const asking = await client.openStream();
    asking.write(Buffer.of(1));
    await settle();
    const [full] = accepted as [ByteStream];
    full.write(Buffer.alloc(ROOM_BYTES_MAX + WINDOW_BYTES));
    let started = false;
    server.whenRoom(full, () => {
      started = true;
    });
    await settle();
    expect(started).toBe(false);
    const other = await client.openStream();
    other.write(Buffer.of(1));
    await settle();
    server.whenRoom(accepted[1] as ByteStream, () => {
      started = true;
    });
    asking.destroy();
    await settle();
    expect(started).toBe(true);
  });

  it('survives arbitrary bytes: nothing thrown, nothing kept', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (pieces) => {
        const clock = new ManualClock();
        const [, connection] = streamPair();
        const session = new YamuxSession({
          connection: {
            ...connection,
            local: connection.local,
            remote: connection.remote,
            listen(listener) {
              for (const piece of pieces) listener.data(piece);
            },
            write: () => true,
            destroy() {},
          } as ByteStream,
          role: 'server',
          clock,
          accepted: (stream) => stream.listen({ data() {} }),
        });
        session.close();
        expect(clock.armed).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });
});

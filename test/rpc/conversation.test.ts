import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hopsOf, withHops } from '../../src/rpc/hops.ts';
import { type RpcOrigin, type ServedMethod, serve } from '../../src/rpc/method.ts';
import { RpcServer } from '../../src/rpc/server/server.ts';
import { decode, encode } from '../../src/wire/msgpack/schema.ts';
import { encodeRequest, ResponseHeader } from '../../src/wire/rpc/headers.ts';
import { ValueSplitter } from '../../src/wire/rpc/values.ts';
import { YamuxSession } from '../../src/wire/yamux/session.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ECHO, echo, echoMethods, WRITE } from '../support/rpc-fixture.ts';
import { collect, settle, streamPair, type TestStream } from '../support/stream-pair.ts';

function conversation(methods: readonly ServedMethod[] = echoMethods()) {
  const [near, far] = streamPair();
  const server = new RpcServer({ clock: new ManualClock(), methods });
  server.serveSingle(far);
  const got = collect(near);
  const answers = (): { header: ResponseHeader; body: Buffer }[] => {
    const values: Buffer[] = [];
    new ValueSplitter({ value: (v) => values.push(v) > 0, failed() {} }).feed(got.bytes());
    const out = [];
    for (let n = 0; n + 1 < values.length; n += 2) {
      out.push({
        header: decode(ResponseHeader, values[n] as Buffer),
        body: values[n + 1] as Buffer,
      });
    }
    return out;
  };
  const ask = (
    name: string,
    seq: number,
    body: Uint8Array = encode(ECHO.request, echo(`#${seq}`)),
  ): void => {
    near.write(encodeRequest({ ServiceMethod: name, Seq: seq }, body));
  };
  return { near, far, server, got, answers, ask };
}

interface Multi {
  readonly session: YamuxSession;
  readonly far: TestStream;
}

describe('a conversation', () => {
  it('answers pipelined requests in order, echoing number and method', async () => {
    const { ask, answers, got } = conversation();
    for (let seq = 1; seq <= 50; seq++) ask('Test.Echo', seq);
    for (let n = 0; n < 5; n++) await settle();
    expect(answers().map(({ header }) => header.Seq)).toEqual(
      Array.from({ length: 50 }, (_, n) => n + 1),
    );
    expect(answers().map(({ body }) => decode(ECHO.reply, body).Text)[49]).toBe('#50');
    expect(answers()[0]?.header).toEqual({ ServiceMethod: 'Test.Echo', Seq: 1, Error: '' });
    expect(got.ended()).toBe(false);
  });

  it('starts no request before the one in front is answered', async () => {
    const releases: (() => void)[] = [];
    const { ask, answers } = conversation([
      serve(ECHO, async (request) => {
        await new Promise<void>((resolve) => releases.push(resolve));
        return { Text: request.Text, Server: '' };
      }),
    ]);
    ask('Test.Echo', 1);
    ask('Test.Echo', 2);
    await settle();
    expect(releases).toHaveLength(1);
    releases[0]?.();
    await settle();
    expect(releases).toHaveLength(2);
    expect(answers()).toHaveLength(1);
  });

  it('keeps the stream after an error of the application', async () => {
    const { ask, answers, got } = conversation([
      serve(ECHO, (request) =>
        request.Text === '#1'
          ? Promise.reject(new Error('Permission denied'))
          : Promise.resolve({ Text: 'fine', Server: '' }),
      ),
    ]);
    ask('Test.Echo', 1);
    ask('Test.Echo', 2);
    await settle();
    expect(answers().map(({ header }) => header.Error)).toEqual(['Permission denied', '']);
    expect([...(answers()[0]?.body ?? [])]).toEqual([0x80]);
    expect(got.ended()).toBe(false);
  });

  it.each([
    ['Nope.Echo', "rpc: can't find service Nope.Echo"],
    ['Test.Nope', "rpc: can't find method Test.Nope"],
    ['nodots', 'rpc: service/method request ill-formed: nodots'],
  ])("answers %s with Go's words and ends the stream", async (name, text) => {
    const { ask, answers, got } = conversation();
    ask(name, 7);
    ask('Test.Echo', 8);
    await settle();
    expect(answers().map(({ header }) => header)).toEqual([
      { ServiceMethod: name, Seq: 7, Error: text },
    ]);
    expect(got.ended()).toBe(true);
  });

  it('answers a body it cannot read, then ends the stream', async () => {
    const { ask, answers, got } = conversation();
    ask('Test.Echo', 1, Buffer.from('81a454657874c40161', 'hex'));
    await settle();
    expect(answers()[0]?.header.Error).toMatch(/^codec\.decoder: /);
    expect(got.ended()).toBe(true);
  });

  it('answers a body that is no msgpack at all', async () => {
    const { ask, answers, got } = conversation();
    ask('Test.Echo', 1, Uint8Array.of(0xc1));
    await settle();
    expect(answers()[0]?.header.Error).toMatch(/^codec\.decoder: /);
    expect(got.ended()).toBe(true);
  });

  it.each(['a3616263', 'c1', '82a353657101'])(
    'ends without an answer on the header %s',
    async (hex) => {
      const { near, got } = conversation();
      near.write(Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from('a0a0', 'hex')]));
      near.write(Buffer.from('80', 'hex'));
      await settle();
      expect(got.bytes().length).toBe(hex === '82a353657101' ? got.bytes().length : 0);
      expect(got.ended()).toBe(true);
    },
  );

  it('tells a blocking query at once that its caller is gone, other requests are finished', async () => {
    const origins: RpcOrigin[] = [];
    const hanging: ServedMethod[] = [
      serve(ECHO, (_request, origin) => {
        origins.push(origin);
        return new Promise((resolve) =>
          origin.signal.addEventListener('abort', () => resolve({ Text: 'early', Server: '' })),
        );
      }),
      serve(WRITE, (_request, origin) => {
        origins.push(origin);
        return new Promise(() => {});
      }),
    ];
    const blocking = conversation(hanging);
    blocking.ask('Test.Echo', 1, encode(ECHO.request, echo('x', { MinQueryIndex: 5 })));
    await settle();
    blocking.near.end();
    await settle();
    expect(origins[0]?.signal.aborted).toBe(true);
    expect(blocking.answers()).toHaveLength(1);

    const writing = conversation(hanging);
    writing.ask('Test.Write', 1, encode(WRITE.request, { Datacenter: 'dc1', Text: '' }));
    await settle();
    writing.near.end();
    await settle();
    expect(origins[1]?.signal.aborted).toBe(false);
    writing.near.destroy();
    await settle();
    expect(origins[1]?.signal.aborted).toBe(true);
  });

  it('stops reading a peer that pipelines without end', async () => {
    const { ask, far } = conversation([serve(ECHO, () => new Promise(() => {}))]);
    for (let seq = 1; seq < 30; seq++)
      ask('Test.Echo', seq, encode(ECHO.request, echo('x'.repeat(10_000))));
    await settle();
    expect(far.bufferedBytes).toBe(0);
    const before = far.written;
    for (let seq = 1; seq < 30; seq++)
      ask('Test.Echo', seq, encode(ECHO.request, echo('x'.repeat(10_000))));
    await settle();
    expect(far.written).toBe(before);
  });

  it('encodes no more answers than the peer of a session takes', async () => {
    const TEXT = 'x'.repeat(16 * 1024 * 1024);
    const [near, far] = streamPair();
    const clock = new ManualClock();
    const methods = [serve(ECHO, () => Promise.resolve({ Text: TEXT, Server: '' }))];
    const server = new RpcServer({ clock, methods });
    server.serveMulti(far);
    const session = new YamuxSession({ connection: near, role: 'client', clock });
    const streams = await Promise.all(Array.from({ length: 6 }, () => session.openStream()));
    const header = { ServiceMethod: 'Test.Echo', Seq: 1 };
    for (const stream of streams)
      stream.write(encodeRequest(header, encode(ECHO.request, echo(''))));
    for (let turn = 0; turn < 10; turn++) await settle();
    // The first two fill what may be unsent, and one more begins because they have sent a window.
    expect(server.counts()).toMatchObject({ streams: 6, calls: 3 });
    const read = streams.map((stream) => collect(stream));
    const bytes = (): number => read.reduce((sum, { bytes }) => sum + bytes().length, 0);
    for (let turn = 0; turn < 4_000 && bytes() < 6 * TEXT.length; turn++) await settle();
    expect(bytes()).toBeGreaterThan(6 * TEXT.length);
  });

  it('ends a session that begins more large requests than fit, and no other', async () => {
    const clock = new ManualClock();
    const server = new RpcServer({ clock, methods: echoMethods() });
    const [hostile, fine] = [0, 1].map(() => {
      const [near, far] = streamPair();
      server.serveMulti(far);
      return { session: new YamuxSession({ connection: near, role: 'client', clock }), far };
    }) as [Multi, Multi];
    const other = await fine.session.openStream();
    const heard = collect(other);
    // Each announces 60 MiB in a request, and sends nearly all of it.
    const header = { ServiceMethod: 'Test.Echo', Seq: 1 };
    const begun = encodeRequest(header, Buffer.of(0xdb, 3, 0xc0, 0, 0));
    const most = Buffer.alloc(60 * 1024 * 1024 - 1);
    for (let n = 0; n < 5; n++) {
      const stream = await hostile.session.openStream();
      stream.write(begun);
      stream.write(most);
    }
    for (let turn = 0; turn < 4_000 && !hostile.far.destroyed; turn++) await settle();
    expect(hostile.far.destroyed).toBe(true);
    other.write(encodeRequest(header, encode(ECHO.request, echo('still here'))));
    for (let turn = 0; turn < 10; turn++) await settle();
    expect(heard.bytes().toString('latin1')).toContain('still here');
  });

  it('reads from Seq how often a call was forwarded, and echoes it', async () => {
    const hops: (number | undefined)[] = [];
    const { ask, answers } = conversation([
      serve(ECHO, (_request, origin) => {
        hops.push(origin.hops);
        return Promise.resolve({ Text: '', Server: '' });
      }),
    ]);
    ask('Test.Echo', 17);
    ask('Test.Echo', withHops(18, 3));
    await settle();
    expect(hops).toEqual([0, 3]);
    expect(hopsOf(answers()[1]?.header.Seq ?? 0)).toBe(3);
  });

  it('survives arbitrary bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }),
        async (pieces) => {
          const { near, far } = conversation();
          for (const piece of pieces) near.write(piece);
          near.end();
          await settle();
          expect(far.ended || far.destroyed).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

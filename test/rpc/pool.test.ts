import { describe, expect, it } from 'vitest';
import { type ServedMethod, serve } from '../../src/rpc/method.ts';
import { encodeHeader, FLAG, FRAME, GO_AWAY } from '../../src/wire/yamux/frames.ts';
import { ECHO, echo, echoMethods, entry, rpcFixture, WRITE } from '../support/rpc-fixture.ts';
import { settle } from '../support/stream-pair.ts';

const failing = (text: string): readonly ServedMethod[] => [
  serve(ECHO, () => Promise.reject(new Error(text))),
];

describe('the connection pool', () => {
  it('shares one session between concurrent calls to a node, one stream each', async () => {
    const { pool, dials, server } = rpcFixture();
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, n) => pool.call(entry('s1'), ECHO, echo(`call ${n}`))),
    );
    expect(replies.map((reply) => reply.Text)).toContain('call 99');
    expect(dials).toHaveLength(1);
    expect(server.counts().streams).toBe(100);
  });

  it('uses a stream again after a good call, and a new one after an error', async () => {
    const good = rpcFixture();
    for (let n = 0; n < 5; n++) await good.pool.call(entry('s1'), ECHO, echo('x'));
    expect(good.server.counts().streams).toBe(1);
    const bad = rpcFixture(failing('nope'));
    for (let n = 0; n < 3; n++) {
      await expect(bad.pool.call(entry('s1'), ECHO, echo('x'))).rejects.toThrow(
        /^rpc error making call: nope$/,
      );
    }
    expect(bad.server.counts().streams).toBe(3);
    expect(bad.dials).toHaveLength(1);
  });

  it('keeps nodes that share an address apart, and datacenters too', async () => {
    const { pool, dials } = rpcFixture();
    await pool.call(entry('s1'), ECHO, echo('x'));
    await pool.call(entry('s2'), ECHO, echo('x'));
    await pool.call(entry('s1', 'dc2'), ECHO, echo('x'));
    expect(dials.map(({ node, datacenter }) => `${node}.${datacenter}`)).toEqual([
      's1.dc1',
      's2.dc1',
      's1.dc2',
    ]);
  });

  it('waits for the answers of a server that went away, and asks anew on another session', async () => {
    const releases: (() => void)[] = [];
    const { pool, dials, connections } = rpcFixture([
      serve(ECHO, async (request) => {
        if (request.Text === 'slow') await new Promise<void>((resolve) => releases.push(resolve));
        return { Text: request.Text, Server: 's1' };
      }),
    ]);
    const slow = pool.call(entry('s1'), ECHO, echo('slow'));
    await settle();
    connections[0]?.write(encodeHeader(FRAME.goAway, FLAG.none, 0, GO_AWAY.normal));
    await settle();
    expect((await pool.call(entry('s1'), ECHO, echo('later'))).Text).toBe('later');
    expect(dials).toHaveLength(2);
    expect(connections[0]?.destroyed).toBe(false);
    releases[0]?.();
    expect((await slow).Text).toBe('slow');
    await settle();
    expect(connections[0]?.destroyed).toBe(true);
    expect(pool.sessionCount).toBe(1);
  });

  it('lets those who wait for a failed dial know that it was not theirs', async () => {
    const fixture = rpcFixture();
    fixture.failure = new Error('dial tcp 10.0.0.1:8300: connect: connection refused');
    const calls = [1, 2, 3].map(() => fixture.pool.call(entry('s1'), ECHO, echo('x')));
    const texts = (await Promise.allSettled(calls)).map((result) =>
      result.status === 'rejected' ? result.reason.message : 'answered',
    );
    expect(texts).toEqual([
      'rpc error getting client: failed to get conn: dial tcp 10.0.0.1:8300: connect: connection refused',
      "rpc error getting client: rpc error: lead thread didn't get connection",
      "rpc error getting client: rpc error: lead thread didn't get connection",
    ]);
    expect(fixture.dials).toHaveLength(1);
    fixture.failure = undefined;
    await expect(fixture.pool.call(entry('s1'), ECHO, echo('y'))).resolves.toMatchObject({
      Text: 'y',
    });
  });

  it('wants a node name', async () => {
    const { pool } = rpcFixture();
    await expect(pool.call(entry(''), ECHO, echo('x'))).rejects.toThrow(
      'pool: ConnPool.RPC requires a node name',
    );
  });

  it('fails calls under way with EOF when the connection goes, and dials afresh', async () => {
    const { pool, connections, dials } = rpcFixture([serve(ECHO, () => new Promise(() => {}))]);
    const calls = [
      pool.call(entry('s1'), ECHO, echo('a')),
      pool.call(entry('s1'), ECHO, echo('b')),
    ];
    const outcome = Promise.allSettled(calls);
    await settle();
    connections[0]?.destroy();
    expect((await outcome).map((r) => r.status === 'rejected' && r.reason.message)).toEqual([
      'rpc error making call: EOF',
      'rpc error making call: EOF',
    ]);
    expect(pool.sessionCount).toBe(0);
    void pool.call(entry('s1'), ECHO, echo('c')).catch(() => {});
    await settle();
    expect(dials).toHaveLength(2);
    pool.close();
  });

  it('closes a session that nobody used for two minutes, not one in use', async () => {
    const { pool, clock, connections } = rpcFixture([
      ...echoMethods().filter((served) => served.method.name === 'Test.Write'),
      serve(ECHO, () => new Promise(() => {})),
    ]);
    await pool.call(entry('s1'), WRITE, { Datacenter: 'dc1', Text: 'x' });
    const long = pool.call(entry('s2'), ECHO, echo('x', { MinQueryIndex: 1 }));
    void long.catch(() => {});
    await clock.advance(119_000);
    expect(pool.sessionCount).toBe(2);
    await clock.advance(2_000);
    expect(pool.sessionCount).toBe(1);
    expect(connections.map((connection) => connection.destroyed)).toEqual([true, false]);
    pool.close();
  });

  it('gives up after the client timeout, for a blocking call after its own limit', async () => {
    const { pool, clock } = rpcFixture([serve(ECHO, () => new Promise(() => {}))]);
    const ends: string[] = [];
    const note = (name: string) => (error: Error) =>
      void ends.push(`${name} ${clock.now()}: ${error.message}`);
    void pool.call(entry('s1'), ECHO, echo('x')).catch(note('plain'));
    void pool
      .call(entry('s1'), ECHO, echo('x', { MinQueryIndex: 1, MaxQueryTime: 160e9 }))
      .catch(note('blocking'));
    await clock.advance(400_000);
    expect(ends).toEqual([
      'plain 60000: rpc error making call: i/o deadline reached',
      'blocking 177000: rpc error making call: i/o deadline reached',
    ]);
    pool.close();
  });

  it('gives up when told to, and the server hears of it', async () => {
    let aborted = false;
    const { pool } = rpcFixture([
      serve(ECHO, (_request, origin) => {
        origin.signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => {});
      }),
    ]);
    const cancel = new AbortController();
    const call = pool.call(entry('s1'), ECHO, echo('x'), { signal: cancel.signal });
    const outcome = expect(call).rejects.toThrow('rpc error making call: call was cancelled');
    await settle();
    cancel.abort();
    await outcome;
    await settle();
    expect(aborted).toBe(true);
    pool.close();
  });
});

import { describe, expect, it } from 'vitest';
import {
  SNAPSHOT_RESTORE,
  SNAPSHOT_SAVE,
  SnapshotRequest,
  SnapshotResponse,
} from '../../src/model/operator.ts';
import { callOnce, exchangeSnapshot } from '../../src/rpc/client/one-shot.ts';
import type { Dialer } from '../../src/rpc/dialer.ts';
import { RpcServer } from '../../src/rpc/server/server.ts';
import { decode, encode } from '../../src/wire/msgpack/schema.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { ECHO, echo, echoMethods, entry } from '../support/rpc-fixture.ts';
import { collect, settle, streamPair, type TestStream } from '../support/stream-pair.ts';
import wanfed from '../vectors/wanfed.json' with { type: 'json' };

const recorded = (name: string): Buffer =>
  Buffer.from(wanfed.find((vector) => vector.name === name)?.hex ?? '', 'hex');

/** Dials to the test itself, or to a server. */
function dialer(serve?: (stream: TestStream) => void): { dialer: Dialer; peers: TestStream[] } {
  const peers: TestStream[] = [];
  return {
    peers,
    dialer: {
      async dial() {
        const [near, far] = streamPair({ highWaterBytes: 1000 });
        peers.push(far);
        serve?.(far);
        return near;
      },
    },
  };
}

describe('a single call', () => {
  it('has its connection to itself and leaves nothing behind', async () => {
    const clock = new ManualClock();
    const server = new RpcServer({ clock, methods: echoMethods() });
    const { dialer: toServer, peers } = dialer((stream) => server.serveSingle(stream));
    const reply = await callOnce({ dialer: toServer, clock }, entry('s1'), ECHO, echo('once'));
    expect(reply.Text).toBe('once');
    await settle();
    expect(peers[0]?.destroyed).toBe(true);
    expect(clock.armed).toBe(0);
  });

  it('carries the prefixes of the pool', async () => {
    const clock = new ManualClock();
    const server = new RpcServer({ clock, methods: [] });
    const { dialer: toServer } = dialer((stream) => server.serveSingle(stream));
    await expect(
      callOnce({ dialer: toServer, clock }, entry('s1'), ECHO, echo('x')),
    ).rejects.toThrow("rpc error making call: rpc: can't find service Test.Echo");
  });
});

describe('a snapshot exchange', () => {
  const save = SnapshotRequest.of({ Datacenter: 'dc1', Op: SNAPSHOT_SAVE });

  it('sends what was recorded and reads answer and archive as recorded, in any pieces', async () => {
    const { dialer: toTest, peers } = dialer();
    const exchange = exchangeSnapshot(toTest, entry('s1'), save);
    await settle();
    const peer = peers[0] as TestStream;
    const heard = collect(peer);
    await settle();
    expect(heard.bytes().equals(recorded('rpc-snapshot-c2s'))).toBe(true);
    expect(heard.ended()).toBe(true);
    const answer = recorded('rpc-snapshot-s2c');
    for (let at = 0; at < answer.length; at += 50) {
      peer.write(answer.subarray(at, at + 50));
      if (at % 500 === 0) await settle();
    }
    peer.end();
    const { response, archive } = await exchange;
    expect(response).toMatchObject({ Error: '', Index: 20, KnownLeader: true });
    const got = collect(archive);
    await settle();
    expect(got.bytes().subarray(0, 2).toString('hex')).toBe('1f8b');
    expect(got.bytes().length).toBe(answer.length - 72);
    expect(got.ended()).toBe(true);
  });

  it('hands an archive in at the pace of the server', async () => {
    const { dialer: toTest, peers } = dialer();
    async function* archive(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < 100; n++) yield Buffer.alloc(1000, n);
    }
    const restore = { ...save, Op: SNAPSHOT_RESTORE };
    const exchange = exchangeSnapshot(toTest, entry('s1'), restore, archive());
    for (let n = 0; n < 5; n++) await settle();
    const peer = peers[0] as TestStream;
    expect(peer.remote.port).toBe(50_000);
    const heard = collect(peer);
    for (let n = 0; n < 300 && !heard.ended(); n++) await settle();
    const request = encode(SnapshotRequest, restore);
    expect(heard.bytes().length).toBe(request.length + 100_000);
    expect(decode(SnapshotRequest, heard.bytes())).toEqual(restore);
    peer.write(encode(SnapshotResponse, SnapshotResponse.of({ Error: 'bad archive' })));
    peer.end();
    expect((await exchange).response.Error).toBe('bad archive');
  });

  it('says so when there is no answer', async () => {
    const { dialer: toTest, peers } = dialer();
    const exchange = exchangeSnapshot(toTest, entry('s1'), save);
    await settle();
    peers[0]?.listen({ data() {} });
    peers[0]?.end();
    await expect(exchange).rejects.toThrow('failed to decode response: EOF');
  });
});

// Our pool and dialer as clients of HashiCorp's yamux and net-rpc-msgpackrpc.

import { afterAll, describe, expect, test } from 'vitest';
import { RpcPool } from '../../src/rpc/client/pool.ts';
import { createDialer } from '../../src/rpc/dialer.ts';
import type { RpcMethod } from '../../src/rpc/method.ts';
import { TlsConfigurator } from '../../src/tls/configurator.ts';
import { bytes, i64, str, struct, type TypeOf } from '../../src/wire/msgpack/schema.ts';
import { createNodeWorld } from '../../src/world/node/node-world.ts';
import type { Clock } from '../../src/world/world.ts';
import { CA, identity, SETTINGS } from '../support/port-fixture.ts';
import { goPeer, pathOr } from './peers/find.ts';
import { LinePeer } from './peers/line-peer.ts';
import { figure, NETWORK, pause, until } from './program.ts';

const path = pathOr("our RPC pool against HashiCorp's yamux and msgpack-RPC", goPeer('rpc'));
const ADDRESS = `${NETWORK}.12.1`;
const MIB = 1_048_576;
const world = createNodeWorld();
/** A hundred times as fast, so that keepalive is a matter of fractions of a second. */
const fastClock: Clock = {
  now: () => world.clock.now(),
  monotonic: () => world.clock.monotonic(),
  setTimeout: (fn, timeoutMs) => world.clock.setTimeout(fn, timeoutMs / 100),
  clearTimeout: (id) => world.clock.clearTimeout(id),
};

const EchoArgs = struct({ Text: str, Payload: bytes, WaitMs: i64, ReplyBytes: i64 });
type EchoArgs = TypeOf<typeof EchoArgs>;
const EchoReply = struct({ Text: str, Payload: bytes });
const ECHO: RpcMethod<EchoArgs, TypeOf<typeof EchoReply>> = {
  name: 'Test.Echo',
  request: EchoArgs,
  reply: EchoReply,
};

interface RpcReport {
  readonly Kind: string;
  readonly Text: string;
}

const peers: LinePeer<RpcReport>[] = [];
const pools: RpcPool[] = [];
afterAll(() => {
  for (const pool of pools) pool.close();
  for (const peer of peers) peer.kill();
});

/** A server of the peer, a pool of ours, and calls from one to the other. */
async function fixture(options: object = {}, clock: Clock = world.clock) {
  const peer = new LinePeer<RpcReport>(path as string);
  peers.push(peer);
  const at = await peer.order<string>('serve', { Address: `${ADDRESS}:0`, Codec: 2, ...options });
  const dialer = createDialer({
    network: world.network,
    datacenter: 'dc1',
    role: 'server',
    tls: new TlsConfigurator(SETTINGS, { caPem: [CA], identity: identity('server') }),
  });
  const pool = new RpcPool({ dialer, clock });
  pools.push(pool);
  const address = { address: ADDRESS, port: Number(at.slice(at.lastIndexOf(':') + 1)) };
  const server = { node: 'go', datacenter: 'dc1', address };
  const echo = (args: Partial<EchoArgs>, signal?: AbortSignal) =>
    pool.call(server, ECHO, EchoArgs.of(args), signal === undefined ? {} : { signal });
  const reported = (kind: string) => peer.reports.filter(({ Kind }) => Kind === kind);
  return { peer, pool, echo, reported };
}

describe.skipIf(path === null)("HashiCorp's RPC server", () => {
  test.each([1, 2])(
    '1,000 calls, 64 at a time, over one session, msgpack-RPC %i',
    async (Codec) => {
      const { echo, reported } = await fixture({ Codec });
      const began = performance.now();
      const caller = async (number: number): Promise<void> => {
        for (let call = 0; call < 16; call++) {
          const Text = `${number} ${call}`;
          expect((await echo({ Text })).Text).toBe(Text);
        }
      };
      await Promise.all(Array.from({ length: 64 }, (_, number) => caller(number)));
      const tookMs = performance.now() - began;
      figure(
        `1,024 calls of our pool, 64 at a time, msgpack-RPC ${Codec}: ${tookMs.toFixed(0)} ms`,
      );
      expect(reported('session')).toHaveLength(1);
    },
  );

  test('requests larger than the window pass to a slow reader, and hold nobody up', async () => {
    const { echo } = await fixture({ ReadBytesPerMs: 2_048 });
    const payload = Buffer.alloc(2 * MIB, 'request ');
    const began = performance.now();
    const large = Promise.all(
      [1, 2, 3].map(async () => {
        const { Payload } = await echo({ Text: 'large', Payload: payload });
        expect(payload.equals(Payload ?? Buffer.alloc(0))).toBe(true);
      }),
    );
    await pause(100);
    const asked = performance.now();
    await echo({ Text: 'small' });
    const smallMs = performance.now() - asked;
    await large;
    const largeMs = performance.now() - began;
    figure(`2 MiB to a slow reader: ${largeMs.toFixed(0)} ms; beside it ${smallMs.toFixed(0)} ms`);
    expect(largeMs).toBeGreaterThan(500);
    expect(smallMs).toBeLessThan(largeMs / 2);
  });

  test('1,000 calls under way at once, more than a peer lets wait for its accept', async () => {
    const { echo, reported } = await fixture();
    const calls = Array.from({ length: 1_000 }, (_, at) => echo({ Text: `${at}`, WaitMs: 300 }));
    const answers = await Promise.all(calls);
    expect(answers.map(({ Text }) => Number(Text))).toEqual([...answers.keys()]);
    expect(reported('log')).toEqual([]);
    expect(reported('session')).toHaveLength(1);
  });

  test('answers of 8 MiB, eight at once', async () => {
    const { echo } = await fixture();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, number) => echo({ Text: `${number}`, ReplyBytes: 8 * MIB })),
    );
    for (const { Text, Payload } of answers) {
      expect(Payload?.length).toBe(8 * MIB);
      expect(
        Buffer.from(Payload ?? [])
          .subarray(-2)
          .toString(),
      ).toBe(`${Text} `);
    }
  });

  test('an error keeps the session, and a call that is given up closes its stream alone', async () => {
    const { echo, reported } = await fixture();
    await expect(echo({ Text: 'fail' })).rejects.toThrow('rpc error making call: told to fail');
    const cancel = new AbortController();
    const held = echo({ Text: 'held', WaitMs: 60_000 }, cancel.signal);
    const other = echo({ Text: 'other', WaitMs: 300 });
    await pause(100);
    const over = reported('stream over').length;
    cancel.abort();
    await expect(held).rejects.toThrow('call was cancelled');
    await until('the server hears of it', 5_000, () => reported('stream over').length > over);
    expect(reported('stream over').at(-1)?.Text).toBe('connection reset');
    expect((await other).Text).toBe('other');
    expect(reported('session')).toHaveLength(1);
  });

  test('a server that goes away answers what was asked, and is dialed anew', async () => {
    const { peer, echo, reported } = await fixture();
    await echo({ Text: 'first' });
    const under = echo({ Text: 'under way', WaitMs: 300 });
    await pause(50);
    await peer.order('server.go-away');
    await pause(50);
    expect((await echo({ Text: 'later' })).Text).toBe('later');
    expect((await under).Text).toBe('under way');
    expect(reported('session')).toHaveLength(2);
  });

  test('keepalive of both sides is answered, and a server that hangs is noticed by it', async () => {
    const { peer, echo, reported } = await fixture({ KeepAliveMs: 20 }, fastClock);
    await echo({ Text: 'before' });
    expect(await peer.order<number>('server.pings', { Calls: 20 })).toBeLessThan(1_000);
    await pause(1_000);
    expect(reported('session over')).toEqual([]);
    const held = echo({ Text: 'held', WaitMs: 60_000 });
    await pause(50);
    peer.freeze();
    await expect(held).rejects.toThrow(/EOF/);
  });
});

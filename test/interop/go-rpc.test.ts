// HashiCorp's yamux and net-rpc-msgpackrpc as a client of our server port, and frames that no
// yamux would send while that client goes on.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeHeader, FLAG, FRAME, GO_AWAY } from '../../src/wire/yamux/frames.ts';
import {
  endAll,
  leads,
  put,
  removeFolder,
  serverConfig,
  start,
  withConfig,
} from './lone-server.ts';
import { goPeer, pathOr } from './peers/find.ts';
import { LinePeer } from './peers/line-peer.ts';
import { figure, NETWORK, type Program, pause, until } from './program.ts';

const path = pathOr("HashiCorp's yamux and msgpack-RPC against our server port", goPeer('rpc'));
const HOST = 3;
const ADDRESS = `${NETWORK}.9.${HOST}`;
const PORT = 8300;
const VALUE_BYTES = 500_000;
/** Values of the large answer: 8 MB. */
const VALUES = 16;
const LARGE_BYTES = VALUES * VALUE_BYTES;

interface RpcReport {
  readonly Kind: string;
  readonly Text: string;
}

describe.skipIf(path === null)("HashiCorp's RPC client", () => {
  let server: Program;
  let peer: LinePeer<RpcReport>;
  let sessions = 0;

  /** A session of the peer; its orders. */
  async function dial(Codec: 1 | 2 = 2) {
    sessions += 1;
    const Session = `session ${sessions}`;
    await peer.order('dial', { Session, Address: `${ADDRESS}:${PORT}`, Codec });
    return <T = null>(verb: string, fields: object = {}): Promise<T> =>
      peer.order<T>(verb, { ...fields, Session });
  }

  const residentMiB = (): number => {
    const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  };

  beforeAll(async () => {
    server = start(withConfig(serverConfig(HOST)));
    peer = new LinePeer(path as string);
    await leads(HOST);
    const order = await dial();
    for (let at = 0; at < VALUES; at++) {
      await order('put', { Key: `large/${at}`, Bytes: VALUE_BYTES });
    }
    await order('put', { Key: 'small', Bytes: 100 });
  });

  afterAll(async () => {
    peer.kill();
    await endAll();
    removeFolder();
  });

  test.each([1, 2] as const)('1,000 calls over 64 streams, msgpack-RPC %i', async (codec) => {
    const order = await dial(codec);
    const tookMs = await order<number>('many', {
      Streams: 64,
      Calls: 1_024,
      Key: 'small',
      Bytes: 100,
    });
    figure(`1,024 calls over 64 streams by msgpack-RPC ${codec}: ${tookMs} ms`);
    expect(await order('closed')).toBe(false);
    await order('close');
  });

  test('values larger than the window pass both ways, many at once', async () => {
    const order = await dial();
    const puts = Array.from({ length: 8 }, async (_, at) => {
      await order('put', { Key: `window/${at}`, Bytes: VALUE_BYTES });
      await order('get', { Key: `window/${at}`, Bytes: VALUE_BYTES });
    });
    await Promise.all(puts);
    expect(await order('list', { Key: 'large/' })).toBe(LARGE_BYTES);
    await order('close');
  });

  test('answers that nobody reads wait, and cost no more than is bounded', async () => {
    const order = await dial();
    const quick = await dial();
    expect(await order('list', { Key: 'large/' })).toBe(LARGE_BYTES);
    const before = residentMiB();
    // Together 320 MB.
    const answers = 40;
    await order('ask', { Key: 'large/', Streams: answers });
    const began = performance.now();
    await quick('get', { Key: 'small', Bytes: 100 });
    const tookMs = performance.now() - began;
    await pause(1_500);
    const grown = residentMiB() - before;
    figure(
      `${answers} unread answers of 8 MB: ${grown.toFixed(0)} MiB more, ` +
        `${tookMs.toFixed(0)} ms for another caller meanwhile`,
    );
    expect(grown).toBeLessThan(160);
    expect(await order('read')).toBe(answers * LARGE_BYTES);
    await order('close');
  });

  test('who half-closes is answered first', async () => {
    const order = await dial();
    await order('half-close', { Key: 'large/0', Bytes: VALUE_BYTES });
    await until('the stream is forgotten', 5_000, async () => (await order('streams')) === 0);
    await order('close');
  });

  test('a blocking query whose stream is closed is given up', async () => {
    const order = await dial();
    await order('ask', { Key: 'small', Streams: 100, Index: 1_000_000 });
    expect(await order('streams')).toBe(100);
    await order('abandon');
    // The server closes its half of each, and that only when the query is over.
    await until('the server lets go', 5_000, async () => (await order('streams')) === 0);
    await order('close');
  });

  test('2,000 blocking queries of one session are woken by one write', async () => {
    const order = await dial();
    await order('put', { Key: 'wake/up', Bytes: 10 });
    const url = `http://${ADDRESS}:8500/v1/kv/wake/?recurse`;
    const Index = Number((await fetch(url)).headers.get('x-consul-index'));
    await order('ask', { Key: 'wake/', Streams: 2_000, Index });
    await until('all wait', 5_000, async () => (await order('streams')) === 2_000);
    const began = performance.now();
    await order('put', { Key: 'wake/up', Bytes: 20 });
    expect(await order('read')).toBe(2_000 * 20);
    figure(`2,000 blocking queries woken: ${(performance.now() - began).toFixed(0)} ms`);
    await until('the streams are over', 5_000, async () => (await order('streams')) === 0);
    await order('close');
  });

  test('pings are answered while calls are under way', async () => {
    const order = await dial();
    const calls = order('many', { Streams: 16, Calls: 64, Key: 'large/0', Bytes: VALUE_BYTES });
    const slowest = await order<number>('pings', { Calls: 50 });
    await calls;
    figure(`slowest of 50 pings beside 32 MB of answers: ${slowest.toFixed(1)} ms`);
    await order('close');
  });

  test('a client that goes away is served what it has asked', async () => {
    const order = await dial();
    await order('ask', { Key: 'large/', Streams: 2 });
    await order('go-away');
    expect(await order('read')).toBe(2 * LARGE_BYTES);
    await order('get', { Key: 'small', Bytes: 100 });
    await order('close');
  });

  test.each(hostileFrames())('$what ends its session alone', async ({ frames, answer }) => {
    const order = await dial();
    await order('ask', { Key: 'large/', Streams: 1 });
    const heard = await hostileSession(frames);
    if (answer !== undefined) expect(heard.subarray(-answer.length)).toEqual(answer);
    expect(await order('read')).toBe(LARGE_BYTES);
    expect(await order('closed')).toBe(false);
    expect(await put(HOST, 'is-well', 'yes')).toBe(200);
    await order('close');
  });
});

interface Hostile {
  readonly what: string;
  readonly frames: readonly Buffer[];
  /** The last that the server says before it closes. */
  readonly answer?: Buffer;
}

function hostileFrames(): readonly Hostile[] {
  const syn = encodeHeader(FRAME.windowUpdate, FLAG.syn, 1, 0);
  const payload = (streamId: number, bytes: Buffer, flags: number = FLAG.none): Buffer =>
    Buffer.concat([encodeHeader(FRAME.data, flags, streamId, bytes.length), bytes]);
  const protocolError = encodeHeader(FRAME.goAway, FLAG.none, 0, GO_AWAY.protocolError);
  const badVersion = Buffer.from(syn);
  badVersion[0] = 1;
  const beyond = 262_145;
  return [
    { what: 'a frame of another version', frames: [syn, badVersion] },
    { what: 'a frame of an unknown type', frames: [syn, encodeHeader(4, 0, 1, 0)] },
    {
      what: 'a SYN of an id that is in use',
      frames: [syn, syn],
      answer: protocolError,
    },
    {
      what: 'more than the window allows',
      frames: [syn, encodeHeader(FRAME.data, FLAG.none, 1, beyond)],
      answer: protocolError,
    },
    {
      what: 'data of four gigabytes',
      frames: [syn, encodeHeader(FRAME.data, FLAG.none, 1, 0xffff_ffff)],
      answer: protocolError,
    },
    {
      what: 'a window grant beyond 32 bits',
      frames: [
        syn,
        encodeHeader(FRAME.windowUpdate, FLAG.none, 1, 0xffff_ffff),
        encodeHeader(FRAME.windowUpdate, FLAG.none, 1, 0xffff_ffff),
        badVersion,
      ],
    },
    {
      what: 'data for streams that nobody opened',
      frames: [
        payload(99, Buffer.alloc(70_000)),
        payload(101, Buffer.alloc(10), FLAG.fin),
        encodeHeader(FRAME.windowUpdate, FLAG.rst, 103, 0),
        badVersion,
      ],
    },
    { what: 'a go-away with an error', frames: [syn, protocolError] },
    {
      what: 'random bytes after a valid beginning',
      frames: [syn, Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * 167 + 13) & 255))],
    },
    {
      what: 'a request that is no msgpack',
      frames: [syn, payload(1, Buffer.alloc(1_000, 0xc1)), badVersion],
    },
  ];
}

/** Says the frames on a session of their own; what the server has said by the time it closes. */
function hostileSession(frames: readonly Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: ADDRESS, port: PORT });
    const heard: Buffer[] = [];
    const limit = setTimeout(() => {
      socket.destroy();
      reject(new Error('the server did not close the session'));
    }, 5_000);
    socket.on('data', (chunk) => heard.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(limit);
      resolve(Buffer.concat(heard));
    });
    socket.write(Buffer.concat([Buffer.of(4), ...frames]));
  });
}

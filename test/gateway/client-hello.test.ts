import { createServer, type Socket } from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  ClientHelloReader,
  HELLO_BYTES_MAX,
  type HelloOutcome,
} from '../../src/gateway/client-hello.ts';

/** The first bytes that a real client sends. */
function capture(options: tls.ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const listener = createServer((socket: Socket) => {
      socket.once('data', (bytes) => {
        socket.destroy();
        listener.close();
        resolve(bytes);
      });
    }).listen(0, '127.0.0.1', () => {
      const { port } = listener.address() as { port: number };
      tls.connect({ host: '127.0.0.1', port, ...options }).on('error', () => {});
    });
  });
}

function read(chunks: readonly Uint8Array[]): HelloOutcome {
  const reader = new ClientHelloReader();
  let outcome: HelloOutcome = { state: 'incomplete' };
  for (const chunk of chunks) outcome = reader.push(chunk);
  return outcome;
}

/** The same message in records of other sizes. */
function refragmented(record: Buffer, sizes: readonly number[]): Buffer {
  let message = record.subarray(5);
  const records: Buffer[] = [];
  for (const size of [...sizes, message.length]) {
    const piece = message.subarray(0, size);
    if (piece.length === 0) continue;
    records.push(Buffer.from([22, 3, 1, piece.length >> 8, piece.length & 255]), piece);
    message = message.subarray(piece.length);
  }
  return Buffer.concat(records);
}

function cut(bytes: Buffer, at: readonly number[]): readonly Buffer[] {
  const places = [...new Set(at.map((place) => place % bytes.length))].sort((a, b) => a - b);
  return [0, ...places].map((start, n) => bytes.subarray(start, places[n] ?? bytes.length));
}

const hello = {
  serverName: 'node1.server.dc2.consul',
  alpn: ['consul/wan-gossip/packet', 'consul/rpc-multi'],
};
let modern: Buffer;
let old: Buffer;
let bare: Buffer;

beforeAll(async () => {
  const options = { servername: 'Node1.Server.dc2.consul', ALPNProtocols: hello.alpn };
  modern = await capture(options);
  old = await capture({ ...options, maxVersion: 'TLSv1.2' });
  bare = await capture({ servername: '' });
});

describe('ClientHello', () => {
  it('is read from real clients of TLS 1.3 and 1.2', () => {
    expect(read([modern])).toEqual({ state: 'complete', hello });
    expect(read([old])).toEqual({ state: 'complete', hello });
  });

  it('may lack name and protocols', () => {
    expect(read([bare])).toEqual({ state: 'complete', hello: { serverName: null, alpn: [] } });
  });

  it('gives the same result for every split into chunks and records', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.array(fc.integer({ min: 1, max: 400 })), (at, sizes) => {
        const bytes = refragmented(modern, sizes);
        const reader = new ClientHelloReader();
        let outcome: HelloOutcome = { state: 'incomplete' };
        for (const chunk of cut(bytes, at)) outcome = reader.push(chunk);
        expect(outcome).toEqual({ state: 'complete', hello });
        expect(Buffer.from(reader.bytes).equals(bytes)).toBe(true);
      }),
    );
  });

  it('is incomplete until its last byte, whatever follows is kept', () => {
    const reader = new ClientHelloReader();
    expect(reader.push(modern.subarray(0, -1)).state).toBe('incomplete');
    expect(reader.push(Buffer.concat([modern.subarray(-1), Buffer.from('more')])).state).toBe(
      'complete',
    );
    expect(reader.bytes.length).toBe(modern.length + 4);
  });

  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n'), 'not TLS'],
    ['SSL 2', Buffer.from([22, 2, 0]), 'not TLS'],
    ['another handshake message', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]), 'not a ClientHello'],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0]), 'malformed'],
    ['an empty message', Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]), 'malformed'],
    ['a record beyond the limit', Buffer.from([22, 3, 1, 0xff, 0xff]), 'too large'],
    ['a message beyond the limit', Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0]), 'too large'],
  ])('refuses %s', (_what, bytes, reason) => {
    expect(read([bytes])).toEqual({ state: 'refused', reason });
  });

  it('refuses what never ends', () => {
    const record = Buffer.concat([Buffer.from([22, 3, 1, 0, 1]), Buffer.from([1])]);
    const reader = new ClientHelloReader();
    let outcome = reader.push(record);
    for (let n = 0; outcome.state === 'incomplete'; n += 1) {
      expect(n).toBeLessThan(HELLO_BYTES_MAX);
      outcome = reader.push(Buffer.from([22, 3, 1, 0, 1, n === 0 || n === 1 ? 0 : 255]));
    }
    expect(outcome.state).toBe('refused');
  });

  it('refuses names that cannot stand in a log line', () => {
    const at = modern.indexOf('Node1');
    for (const byte of [0x00, 0x0a, 0x20, 0x80]) {
      const spoiled = Buffer.from(modern);
      spoiled[at] = byte;
      expect(read([spoiled])).toEqual({ state: 'refused', reason: 'malformed' });
    }
  });

  it('never throws, whatever the bytes', () => {
    const spoiled = fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 8 })).map(([at, bytes]) => {
      const copy = Buffer.from(modern);
      copy.set(bytes.subarray(0, copy.length - (at % copy.length)), at % copy.length);
      return copy;
    });
    const shortened = fc.nat().map((length) => modern.subarray(0, length % modern.length));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), spoiled, shortened), (bytes) => {
        expect(['incomplete', 'complete', 'refused']).toContain(read([bytes]).state);
      }),
      { numRuns: 3000 },
    );
  });
});

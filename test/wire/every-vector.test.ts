/**
 * Every recorded vector is read by some test: files by kinds by who reads them. A vector of another
 * kind, or one more or less, is noticed here. What is not encoded to the same bytes again stands in
 * `NOT_ENCODED_AGAIN`, each with its reason.
 */

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ClientHelloReader } from '../../src/gateway/client-hello.ts';
import { SnapshotRequest, SnapshotResponse } from '../../src/model/operator.ts';
import { MsgpackReader } from '../../src/wire/msgpack/reader.ts';
import { any, type Codec, decode, encode } from '../../src/wire/msgpack/schema.ts';
import { encodeHeader, FrameParser } from '../../src/wire/yamux/frames.ts';
import { RPC_METHODS } from '../support/rpc-methods.ts';
import { type Vector, vectorsOf } from '../support/vectors.ts';

const HERE = 'test/wire/every-vector.test.ts';

type Readers = Readonly<Record<string, readonly [vectors: number, readBy: string]>>;

const RPC: Readers = {
  'yamux-frames': [19, 'test/wire/yamux/frames.test.ts'],
  'msgpack-value': [58, 'test/wire/msgpack/vectors.test.ts'],
  'msgpack-prefix': [1, 'test/wire/msgpack/vectors.test.ts'],
  'decode-accept': [49, 'test/wire/msgpack/vectors.test.ts'],
  'decode-reject': [17, 'test/wire/msgpack/vectors.test.ts'],
  'rpc-request': [34, HERE],
  'rpc-response': [36, HERE],
  'rpc-error-response': [5, 'test/wire/rpc/framing.test.ts'],
  'conn-prefix': [4, HERE],
};

const RAFT: Readers = {
  'raft-rpc-request': [8, 'test/wire/raft/vectors.test.ts'],
  'raft-rpc-request-later': [4, 'test/wire/raft/vectors.test.ts'],
  'captured-rpc': [14, 'test/wire/raft/vectors.test.ts'],
  'raft-rpc-response': [8, 'test/wire/raft/vectors.test.ts'],
  configuration: [5, 'test/wire/raft/vectors.test.ts'],
  'log-store-value': [4, 'test/wire/raft/vectors.test.ts'],
  'raft-log-chunk': [2, 'test/wire/raft/vectors.test.ts'],
  'fsm-command': [43, 'test/fsm/vectors.test.ts'],
  'snapshot-record': [11, 'test/fsm/vectors.test.ts'],
  'snapshot-header': [1, 'test/fsm/vectors.test.ts'],
  'snapshot-stream': [2, HERE],
};

/** What is read and not encoded to the same bytes again. */
const NOT_ENCODED_AGAIN: ReadonlyMap<string, string> = new Map([
  ['float32/50.5', 'floats are always written as float64 (msgpack/vectors.test.ts)'],
  ['str/65535-prefix', 'only its first 8 bytes were recorded: what is written begins with them'],
  ['Catalog.Register/request-minimal', 'zero fields left out, as no Go program does'],
  ['decode/*', 'forms that Go accepts and does not write; written in its one form instead'],
  ['clienthello-*', 'what a TLS library says: it is read, never written'],
  ['fsm_unknown_ignorable', 'a command of a later version is skipped, not understood'],
  [
    '*-connection',
    'whole connections, cut off after 2048 bytes: their packets are vectors as well',
  ],
]);

/** Kinds that a test names in another way. */
const SPELLED: Readonly<Record<string, string>> = {
  'rpc-error-response': "'rpc-",
  'snapshot-header': 'snap_header',
};

describe('counts', () => {
  it.each([
    ['rpc.json', 223, RPC],
    ['raft.json', 102, RAFT],
  ] as const)('%s: all %i', (file, total, readers) => {
    const counts: Record<string, number> = {};
    for (const { kind } of vectorsOf(file)) counts[kind] = (counts[kind] ?? 0) + 1;
    const expected = Object.entries(readers).map(([kind, [count]]) => [kind, count]);
    expect(counts).toEqual(Object.fromEntries(expected));
    expect(vectorsOf(file)).toHaveLength(total);
    for (const [kind, [, readBy]] of Object.entries(readers)) {
      expect(existsSync(readBy), readBy).toBe(true);
      const names = SPELLED[kind] ?? kind;
      expect(readFileSync(readBy, 'utf8'), `${readBy} reads ${kind}`).toContain(names);
    }
  });

  it('every exception has a reason and is one of the vectors', () => {
    const names = ['rpc.json', 'raft.json', 'wanfed.json'].flatMap((file) =>
      vectorsOf(file).map(({ name }) => name),
    );
    for (const [pattern, reason] of NOT_ENCODED_AGAIN) {
      const [front = '', back = ''] = pattern.split('*');
      expect(names.some((name) => name.startsWith(front) && name.endsWith(back))).toBe(true);
      expect(reason).not.toBe('');
    }
  });
});

/** Bodies of methods that are not served are read as values of unknown shape. */
function bodyCodec({ name, kind }: Vector): Codec<unknown> {
  const method = RPC_METHODS.find((known) => name.startsWith(`${known.name}/`));
  if (method === undefined) return any as Codec<unknown>;
  return kind === 'rpc-request' ? method.request : method.reply;
}

describe('bodies of all methods', () => {
  const bodies = vectorsOf('rpc.json').filter(({ kind }) =>
    ['rpc-request', 'rpc-response'].includes(kind),
  );

  it.each(bodies.map((vector) => [vector.name, vector] as const))('%s', (_name, vector) => {
    const data = Buffer.from(vector.hex, 'hex');
    const reader = new MsgpackReader(data);
    reader.skip();
    const start = reader.offset;
    const codec = bodyCodec(vector);
    const body = codec.decode(reader);
    expect(reader.atEnd).toBe(true);
    const again = encode(codec, body);
    if (NOT_ENCODED_AGAIN.has(vector.name)) expect(decode(codec, again)).toEqual(body);
    else expect(again.toString('hex')).toBe(data.subarray(start).toString('hex'));
  });
});

describe('first bytes of connections', () => {
  const prefixes = vectorsOf('rpc.json').filter(({ kind }) => kind === 'conn-prefix');

  it.each(prefixes.map((vector) => [vector.name, vector] as const))('%s', (_name, vector) => {
    const decoded = vector.decoded as { readonly type_byte: number; SnapshotRequest?: object };
    const data = Buffer.from(vector.hex, 'hex');
    expect(data[0]).toBe(decoded.type_byte);
    if (decoded.SnapshotRequest === undefined) expect(data).toHaveLength(1);
    else checkSnapshot(SnapshotRequest, data.subarray(1), decoded.SnapshotRequest);
  });
});

function checkSnapshot<T>(codec: Codec<T>, data: Uint8Array, expected: object): void {
  const read = decode(codec, data);
  expect(read).toMatchObject(expected);
  const again = encode(codec, read).toString('hex');
  expect(Buffer.from(data).toString('hex').startsWith(again)).toBe(true);
}

describe('snapshot connections', () => {
  it('raft.json: snapshot-stream', () => {
    const [request, response] = vectorsOf('raft.json').filter(
      ({ kind }) => kind === 'snapshot-stream',
    ) as [Vector, Vector];
    const bytesOf = ({ hex }: Vector): Buffer => Buffer.from(hex, 'hex');
    checkSnapshot(SnapshotRequest, bytesOf(request), request.decoded as object);
    checkSnapshot(SnapshotResponse, bytesOf(response), response.decoded as object);
  });
});

describe('wanfed.json: 46 of 46', () => {
  const vectors = vectorsOf('wanfed.json');
  const gossip = new Set(vectorsOf('wanfed-gossip.json').map(({ hex }) => hex));
  const readers: readonly (readonly [RegExp, number, (vector: Vector) => void])[] = [
    [/^(plain|encrypted)-(stream|packet)-/, 37, ({ hex }) => expect(gossip.has(hex)).toBe(true)],
    [/^clienthello-\d$/, 3, readsHello],
    [/^rpc-multi-/, 4, framesAreWrittenAgain],
    [/^rpc-snapshot-c2s$/, 1, ({ hex }) => startsWith(SnapshotRequest, hex)],
    [/^rpc-snapshot-s2c$/, 1, ({ hex }) => startsWith(SnapshotResponse, hex)],
  ];

  it.each(readers)('%s', (pattern, count, read) => {
    const found = vectors.filter(({ name }) => pattern.test(name));
    expect(found).toHaveLength(count);
    for (const vector of found) read(vector);
  });

  it('no vector is left out', () => {
    expect(vectors).toHaveLength(readers.reduce((sum, [, count]) => sum + count, 0));
    expect(vectors).toHaveLength(46);
  });
});

function readsHello(vector: Vector): void {
  const { alpn, sni } = vector as unknown as { readonly alpn: string; readonly sni: string };
  const outcome = new ClientHelloReader().push(Buffer.from(vector.hex, 'hex'));
  expect(outcome).toEqual({ state: 'complete', hello: { serverName: sni, alpn: [alpn] } });
}

/** The recordings end anywhere: all whole headers, and the payload that is there. */
function framesAreWrittenAgain({ hex }: Vector): void {
  const written: Uint8Array[] = [];
  const parser = new FrameParser({
    frame({ type, flags, streamId, length }) {
      written.push(encodeHeader(type, flags, streamId, length));
      return true;
    },
    payload: (part) => void written.push(part),
  });
  parser.feed(Buffer.from(hex, 'hex'));
  const again = Buffer.concat(written).toString('hex');
  expect(hex.startsWith(again)).toBe(true);
  expect(hex.length - again.length).toBeLessThan(24);
}

/** The archive follows without a separator. */
function startsWith<T>(codec: Codec<T>, hex: string): void {
  const data = Buffer.from(hex, 'hex');
  checkSnapshot(codec, data, {});
}

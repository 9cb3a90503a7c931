/** Decoders of server RPC: msgpack, bodies of all methods, conversations, yamux. */

import * as operatorModel from '../../../src/model/operator.ts';
import { CallStream } from '../../../src/rpc/client/call-stream.ts';
import { serveConversation } from '../../../src/rpc/server/conversation.ts';
import { RpcRegistry } from '../../../src/rpc/server/registry.ts';
import {
  IncompleteError,
  MalformedError,
  MsgpackReader,
} from '../../../src/wire/msgpack/reader.ts';
import { any, type Codec, decode, encode } from '../../../src/wire/msgpack/schema.ts';
import { RequestHeader } from '../../../src/wire/rpc/headers.ts';
import { ValueSplitter } from '../../../src/wire/rpc/values.ts';
import { YamuxSession } from '../../../src/wire/yamux/session.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type AnyMethod, RPC_METHODS } from '../../support/rpc-methods.ts';
import { vectorsOf } from '../../support/vectors.ts';
import {
  BYTES,
  declared,
  declaredLater,
  must,
  OBJECTS,
  type Target,
  whole,
} from '../engine/target.ts';
import { FakeStream, settled } from './fake-stream.ts';
import { roundTrips } from './round-trip.ts';

const VECTORS = vectorsOf('rpc.json');
const MSGPACK_TOKENS = [
  Buffer.from('dc', 'hex'),
  Buffer.from('ddffffffff', 'hex'),
  Buffer.from('dfffffffff', 'hex'),
  Buffer.from('dbffffffff', 'hex'),
  Buffer.from('cfffffffffffffffff', 'hex'),
  Buffer.from('d38000000000000000', 'hex'),
  Buffer.from('c70001', 'hex'),
];
const FIELD_TOKENS = ['Datacenter', 'Node', 'Service', 'Check', 'Checks', 'Entry', 'Kind', 'Meta'];

const bytesOf = (...kinds: readonly string[]): readonly Buffer[] =>
  VECTORS.filter(({ kind }) => kinds.includes(kind)).map(({ hex }) => Buffer.from(hex, 'hex'));

/** What a codec reads, and that it can be written and read again. */
export function readWith(codec: Codec<unknown>, bytes: Uint8Array): unknown {
  return declared(
    () => {
      const value = decode(codec, bytes);
      roundTrips(bytes, value, () => decode(codec, encode(codec, value)));
      return value;
    },
    MalformedError,
    IncompleteError,
  );
}

function splitValues(pieces: readonly Uint8Array[]): readonly [Buffer[], string[]] {
  const values: Buffer[] = [];
  const failed: string[] = [];
  const splitter = new ValueSplitter({
    value: (bytes) => values.push(bytes) > 0,
    failed: (reason) => void failed.push(reason),
  });
  for (const piece of pieces) splitter.feed(piece);
  return [values, failed];
}

const msgpack: Target = {
  name: 'msgpack',
  input: 'stream',
  outcomeBytes: OBJECTS,
  tokens: MSGPACK_TOKENS,
  seeds: () => bytesOf('msgpack-value', 'decode-accept', 'decode-reject'),
  read(pieces) {
    const data = whole(pieces);
    const split = splitValues(pieces);
    const reader = new MsgpackReader(data);
    const skipped = declared(() => reader.skip(), MalformedError, IncompleteError);
    const [first] = split[0];
    if (skipped === undefined) must(first?.length === reader.offset, 'skip and split agree');
    else must(first === undefined, 'nothing is split off that cannot be skipped');
    const sizes = split[0].map((value) => value.length);
    return [sizes, split[1], readWith(any, first ?? data)];
  },
};

/** The first byte chooses the method; its highest bit, the reply instead of the request. */
const REPLY_BIT = 0x80;

const rpcBodies: Target = {
  name: 'rpc-bodies',
  input: 'whole',
  outcomeBytes: { base: 64 * 1024, perByte: 2048 },
  tokens: [...MSGPACK_TOKENS, ...FIELD_TOKENS],
  seeds: () =>
    VECTORS.filter(({ kind }) => kind === 'rpc-request' || kind === 'rpc-response').flatMap(
      ({ name, kind, hex }) => {
        const place = RPC_METHODS.findIndex((method) => name.startsWith(`${method.name}/`));
        if (place < 0) return [];
        const data = Buffer.from(hex, 'hex');
        const reader = new MsgpackReader(data);
        reader.skip();
        const first = kind === 'rpc-request' ? place : place | REPLY_BIT;
        return [Buffer.concat([Buffer.of(first), data.subarray(reader.offset)])];
      },
    ),
  read(pieces) {
    const input = whole(pieces);
    const first = input[0] ?? 0;
    const method = RPC_METHODS[(first & ~REPLY_BIT) % RPC_METHODS.length] as AnyMethod;
    const codec = first & REPLY_BIT ? method.reply : method.request;
    return readWith(codec, input.subarray(1));
  },
};

/** A method may be described twice: for those who are served here, and for those elsewhere. */
const SERVED = new Map(RPC_METHODS.map((method) => [method.name, method]));

const REGISTRY = new RpcRegistry(
  [...SERVED.values()].map((method) => ({ method, handle: async () => method.reply.zero() })),
);

const rpcConversation: Target = {
  name: 'rpc-conversation',
  input: 'stream',
  outcomeBytes: OBJECTS,
  tokens: [...MSGPACK_TOKENS, ...RPC_METHODS.map((method) => method.name), 'ServiceMethod', 'Seq'],
  seeds: () => bytesOf('rpc-request'),
  async read(pieces) {
    const stream = new FakeStream();
    serveConversation(stream, {
      registry: REGISTRY,
      dispatch: (served, request) =>
        served.handle(request, { remote: null, signal: AbortSignal.abort() }),
    });
    stream.play(pieces);
    stream.playEnd();
    await settled();
    must(stream.ended, 'a conversation ends when its peer has ended');
    return Buffer.concat(stream.written);
  },
};

const rpcAnswer: Target = {
  name: 'rpc-answer',
  input: 'stream',
  outcomeBytes: BYTES,
  tokens: [...MSGPACK_TOKENS, 'Error', 'Seq', 'ServiceMethod'],
  seeds: () => bytesOf('rpc-response', 'rpc-error-response'),
  async read(pieces) {
    const stream = new FakeStream();
    const answer = new CallStream(stream).exchange(encode(RequestHeader, RequestHeader.zero()));
    const outcome = declaredLater(() => answer, Error);
    stream.play(pieces);
    stream.playEnd();
    return await outcome;
  },
};

const snapshotHeader: Target = {
  name: 'rpc-snapshot-header',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: [...MSGPACK_TOKENS, 'Datacenter', 'Op', 'Error', 'Index'],
  seeds: () =>
    VECTORS.filter(({ name }) => name.startsWith('snapshot/')).map(({ hex }) =>
      Buffer.from(hex, 'hex'),
    ),
  read: (pieces) =>
    [operatorModel.SnapshotRequest, operatorModel.SnapshotResponse].map((codec) =>
      readWith(codec as unknown as Codec<unknown>, whole(pieces)),
    ),
};

const yamux: Target = {
  name: 'yamux',
  input: 'stream',
  outcomeBytes: { base: 4096, perByte: 512 },
  tokens: ['000100010000000100000000', '000000000000000100000005', '000200010000000000000001']
    .map((hex) => Buffer.from(hex, 'hex'))
    .concat(['000300000000000000000000', '00010004'].map((hex) => Buffer.from(hex, 'hex'))),
  seeds: () => [
    ...bytesOf('yamux-frames'),
    Buffer.concat(bytesOf('yamux-frames')),
    Buffer.from(
      '0001000100000003000000000000000000000003000000046162636400010004000000030000',
      'hex',
    ),
  ],
  async read(pieces) {
    const connection = new FakeStream();
    const received: Buffer[][] = [];
    const ends: string[] = [];
    new YamuxSession({
      connection,
      role: 'server',
      clock: new ManualClock(),
      accepted: (stream) => {
        const parts: Buffer[] = [];
        const place = received.push(parts) - 1;
        stream.listen({
          data: (chunk) => void parts.push(Buffer.from(chunk)),
          end: () => stream.end(),
          closed: (error) => void ends.push(`${place} ${error?.message ?? ''}`),
        });
      },
      closed: (error) => void ends.push(`all ${error?.message ?? ''}`),
    });
    connection.play(pieces);
    await settled();
    return [received.map((parts) => Buffer.concat(parts)), ends];
  },
};

export const RPC_TARGETS: readonly Target[] = [
  msgpack,
  rpcBodies,
  rpcConversation,
  rpcAnswer,
  snapshotHeader,
  yamux,
];

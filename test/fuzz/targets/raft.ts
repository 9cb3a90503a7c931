/** Decoders of raft: the transport both ways, log entries, configurations, pieces of commands. */

import { decodeChunkInfo, encodeChunkInfo } from '../../../src/fsm/chunking.ts';
import { DecodeError } from '../../../src/fsm/errors.ts';
import type { Codec } from '../../../src/wire/msgpack/schema.ts';
import {
  decodeConfiguration,
  decodePeers,
  encodeConfiguration,
} from '../../../src/wire/raft/configuration.ts';
import { LogEntry } from '../../../src/wire/raft/log-entry.ts';
import type { RaftRpc } from '../../../src/wire/raft/messages.ts';
import { RequestParser, ResponseParser } from '../../../src/wire/raft/transport.ts';
import { vectorsOf } from '../../support/vectors.ts';
import { declared, OBJECTS, type Target, whole } from '../engine/target.ts';
import { roundTrips } from './round-trip.ts';
import { readWith } from './rpc.ts';

const VECTORS = vectorsOf('raft.json');
const bytesOf = (...kinds: readonly string[]): readonly Buffer[] =>
  VECTORS.filter(({ kind }) => kinds.includes(kind)).map(({ hex }) => Buffer.from(hex, 'hex'));

const FIELDS = ['RPCHeader', 'ProtocolVersion', 'Term', 'Entries', 'Leader', 'Size', 'Candidate'];

const requests: Target = {
  name: 'raft-requests',
  input: 'stream',
  outcomeBytes: OBJECTS,
  tokens: [...FIELDS, Buffer.of(2, 0x8c), Buffer.of(0xc1)],
  seeds: () => bytesOf('raft-rpc-request', 'raft-rpc-request-later', 'captured-rpc'),
  read(pieces) {
    const said: unknown[] = [];
    const state: Uint8Array[] = [];
    const parser = new RequestParser({
      request: (request) => void said.push(request),
      state: (chunk) => void state.push(chunk),
      failed: (reason) => void said.push(reason),
    });
    for (const piece of pieces) parser.feed(piece);
    return [said, Buffer.concat(state)];
  },
};

const EXPECTED: readonly RaftRpc[] = [
  'append-entries',
  'request-vote',
  'install-snapshot',
  'timeout-now',
  'request-pre-vote',
];

/** The first byte says what was asked for. */
const responses: Target = {
  name: 'raft-responses',
  input: 'stream',
  outcomeBytes: OBJECTS,
  tokens: [...FIELDS, 'Success', 'LastLog', 'NoRetryBackoff', 'Granted', Buffer.of(0xa0)],
  seeds: () =>
    EXPECTED.flatMap((_, rpc) =>
      bytesOf('raft-rpc-response').map((bytes) => Buffer.concat([Buffer.of(rpc), bytes])),
    ),
  read(pieces) {
    const said: unknown[] = [];
    const parser = new ResponseParser({
      response: (rpc, error, body) => void said.push([rpc, error, body]),
      failed: (reason) => void said.push(reason),
    });
    const first = pieces.find((piece) => piece.length > 0)?.[0] ?? 0;
    for (let n = 0; n < EXPECTED.length; n++) {
      parser.expect(EXPECTED[(first + n) % EXPECTED.length] as RaftRpc);
    }
    let isFirst = true;
    for (const piece of pieces) {
      parser.feed(isFirst ? piece.subarray(1) : piece);
      isFirst = false;
    }
    return said;
  },
};

const logEntry: Target = {
  name: 'raft-log-entry',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: ['Index', 'Term', 'Type', 'Data', 'Extensions', 'AppendedAt', 'Servers', 'Suffrage'],
  seeds: () => bytesOf('log-store-value', 'raft-log-chunk', 'configuration'),
  read(pieces) {
    const data = whole(pieces);
    const configuration = decodeConfiguration(data);
    if (configuration.ok) {
      const { value } = configuration;
      roundTrips(data, value, () => {
        const again = decodeConfiguration(encodeConfiguration(value));
        return again.ok ? again.value : again;
      });
    }
    return [
      readWith(LogEntry as unknown as Codec<unknown>, data),
      configuration,
      decodePeers(data),
    ];
  },
};

const chunkInfo: Target = {
  name: 'raft-chunk-info',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: [Buffer.of(8), Buffer.of(0x10), Buffer.of(0x18), Buffer.of(0x22), Buffer.alloc(10, 0xff)],
  seeds: () => [
    encodeChunkInfo({
      opNum: 0xffff_ffff_ffff_ffffn,
      sequenceNum: 3,
      numChunks: 9,
      nextExtensions: Buffer.from('next'),
    }),
  ],
  read: (pieces) =>
    declared(() => {
      const data = whole(pieces);
      const info = decodeChunkInfo(data);
      roundTrips(data, info.opNum, () => decodeChunkInfo(encodeChunkInfo(info)).opNum);
      return info;
    }, DecodeError),
};

export const RAFT_TARGETS: readonly Target[] = [requests, responses, logEntry, chunkInfo];

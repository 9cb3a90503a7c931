/** Decoders of gossip: packets, streams, what serf says inside of them, its files. */

import { serverOfMember } from '../../../src/model/consul-tags.ts';
import { bytesToIp, ipToBytes, parseJoinAddress } from '../../../src/wire/gossip/address.ts';
import { readConsulEvent } from '../../../src/wire/gossip/consul-event.ts';
import { parseKeyRing } from '../../../src/wire/gossip/keyring.ts';
import { lzwCompress, lzwDecompress } from '../../../src/wire/gossip/lzw.ts';
import { encodePacketMessage, readPacketMessage } from '../../../src/wire/gossip/messages.ts';
import {
  addCrc,
  compress,
  labelHeader,
  openPacket,
  PACKET_DECOMPRESSED_MAX,
} from '../../../src/wire/gossip/packet.ts';
import { seal } from '../../../src/wire/gossip/seal.ts';
import {
  decodeTags,
  encodeSerf,
  readFilter,
  readPingPayload,
  readSerf,
  type SerfMessage,
} from '../../../src/wire/gossip/serf.ts';
import { parseSnapshot, renderSnapshot } from '../../../src/wire/gossip/snapshot.ts';
import { StreamParser, wrapStream } from '../../../src/wire/gossip/stream.ts';
import { vectorsOf } from '../../support/vectors.ts';
import { must, OBJECTS, type Target, textBytes, whole } from '../engine/target.ts';
import { roundTrips } from './round-trip.ts';

interface GossipVector {
  readonly kind: string;
  readonly layer: string;
  readonly hex: string;
}

const VECTORS = vectorsOf('gossip.json') as unknown as readonly GossipVector[];

function bytesOf(...layers: readonly string[]): readonly Buffer[] {
  return VECTORS.filter(({ layer }) => layers.includes(layer)).map(({ hex }) =>
    Buffer.from(hex, 'hex'),
  );
}

const KEY = Buffer.alloc(16, 3);
const OTHER_KEY = Buffer.alloc(32, 5);
const NONCE = Buffer.alloc(12, 4);
const LABEL = 'pool';

/** Bits of the first byte: which wrappers the rest is put in, so that checksums do check. */
const WRAP = { label: 1, seal: 2, crc: 4, compress: 8, version0: 16, keysOnly: 32 } as const;
const WRAPPINGS = [0, WRAP.label, WRAP.seal, WRAP.crc, WRAP.compress, 31, WRAP.keysOnly];

const withWrappings = (bodies: readonly Uint8Array[]): readonly Uint8Array[] =>
  bodies.map((body, n) => Buffer.concat([Buffer.of(WRAPPINGS[n % WRAPPINGS.length] ?? 0), body]));

const gossipPacket: Target = {
  name: 'gossip-packet',
  input: 'whole',
  outcomeBytes: { base: 64 * 1024 + PACKET_DECOMPRESSED_MAX * 64, perByte: 1024 },
  tokens: [Buffer.of(7, 2, 0, 4, 0, 4), Buffer.of(9, 0x82, 0xa4), 'Algo', 'Buf', 'Node', 'Meta'],
  seeds: () => [
    ...withWrappings(bytesOf('memberlist-message')),
    ...bytesOf('memberlist-packet').map((packet) => Buffer.concat([Buffer.of(0), packet])),
  ],
  read(pieces) {
    const input = whole(pieces);
    const wraps = input[0] ?? 0;
    const label = wraps & WRAP.label ? LABEL : '';
    let packet = input.subarray(1);
    if (wraps & WRAP.compress) packet = compress(packet);
    if (wraps & WRAP.crc) packet = addCrc(packet);
    if (wraps & WRAP.seal) {
      const version = wraps & WRAP.version0 ? 0 : 1;
      packet = seal(KEY, NONCE, packet, Buffer.from(label), version);
    }
    const opened = openPacket(Buffer.concat([labelHeader(label), packet]), {
      label,
      keys: wraps & (WRAP.seal | WRAP.keysOnly) ? [OTHER_KEY, KEY] : [],
      plaintext: wraps & WRAP.keysOnly ? 'accept' : 'refuse',
    });
    for (const message of opened.messages) {
      roundTrips(input, { ok: true, value: message }, () =>
        readPacketMessage(encodePacketMessage(message)),
      );
    }
    return opened;
  },
};

const gossipStream: Target = {
  name: 'gossip-stream',
  input: 'stream',
  outcomeBytes: { base: 64 * 1024, perByte: 4096 },
  tokens: [Buffer.of(6, 0x83), 'Nodes', 'UserStateLen', 'Join', 'UserMsgLen', Buffer.of(10)],
  seeds: () => [
    ...bytesOf('memberlist-stream').map((stream) => Buffer.concat([Buffer.of(0), stream])),
    ...withWrappings(bytesOf('memberlist-stream')),
  ],
  read(pieces) {
    const wraps = pieces.find((piece) => piece.length > 0)?.[0] ?? 0;
    const label = wraps & WRAP.label ? LABEL : '';
    const sealed = (wraps & WRAP.seal) !== 0;
    const parser = new StreamParser({
      label,
      peer: 'dialer',
      keys: wraps & (WRAP.seal | WRAP.keysOnly) ? [OTHER_KEY, KEY] : [],
      plaintext: wraps & WRAP.keysOnly ? 'accept' : 'refuse',
    });
    const body = whole(pieces).subarray(1);
    const wrapped = wrapStream(body, {
      compression: wraps & WRAP.compress ? 'always' : 'never',
      seal: sealed ? { key: KEY, nonce: NONCE, version: wraps & WRAP.version0 ? 0 : 1 } : null,
      label,
      side: 'dialer',
    });
    let progress = parser.feed(new Uint8Array(0));
    for (const piece of likePieces(wrapped, pieces)) progress = parser.feed(piece);
    return progress;
  },
};

/** Cuts `bytes` about where the input was cut. */
function likePieces(bytes: Buffer, pieces: readonly Uint8Array[]): readonly Buffer[] {
  const cuts: Buffer[] = [];
  let at = 0;
  for (const piece of pieces.slice(0, -1)) {
    cuts.push(bytes.subarray(at, at + piece.length));
    at += piece.length;
  }
  return [...cuts, bytes.subarray(at)];
}

/** A message, and what is inside of it. */
function readAllOf(data: Uint8Array, depth: number): unknown {
  const read = readSerf(data);
  if (!read.ok) return read;
  const message: SerfMessage = read.value;
  roundTrips(data, read, () => readSerf(encodeSerf(message)));
  if (message.kind === 'relay' && depth < 4) return [message, readAllOf(message.inner, depth + 1)];
  if (message.kind === 'query') return [message, (message.body.Filters ?? []).map(filterOf)];
  if (message.kind === 'userEvent' && message.body.Payload !== null) {
    return [message, readConsulEvent(message.body.Payload)];
  }
  return message;
}

const filterOf = (data: Uint8Array | null): unknown => readFilter(data ?? new Uint8Array(0));

const serfMessage: Target = {
  name: 'serf-message',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: ['LTime', 'Node', 'Events', 'StatusLTimes', 'Filters', 'Payload', 'consul:event:'],
  seeds: () => bytesOf('serf-message', 'consul-user-event', 'serf-filter'),
  read: (pieces) => {
    const data = whole(pieces);
    return [readAllOf(data, 0), readFilter(data), readConsulEvent(data), readPingPayload(data)];
  },
};

const serfTags: Target = {
  name: 'serf-tags',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: ['role', 'consul', 'port', 'vsn', 'build', 'ft_fs', 'sl_', 'grpc_port', '__proto__'],
  seeds: () => bytesOf('serf-meta', 'serf-ping-payload'),
  read(pieces) {
    const tags = decodeTags(whole(pieces));
    return [tags, serverOfMember({ name: 'n.dc1', address: '10.0.0.1', tags, status: 'alive' })];
  },
};

const serfSnapshot: Target = {
  name: 'serf-snapshot',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: ['alive: ', 'not-alive: ', 'clock: ', 'event-clock: ', 'leave', '\n', ' 10.0.0.1:8301'],
  seeds: () => [
    textBytes('alive: n1 10.0.0.1:8301\nclock: 5\nevent-clock: 7\nquery-clock: 9\nnot-alive: n1\n'),
    textBytes('alive: a b [::1]:8301\nleave\ncoordinate: {}\n# comment\n'),
  ],
  read(pieces) {
    const input = whole(pieces);
    const facts = parseSnapshot(input.toString('utf8'), 'rejoin');
    roundTrips(input, facts, () => parseSnapshot(renderSnapshot(facts), 'rejoin'));
    return facts;
  },
};

const LZW_OUTPUT_MAX = 100_000;

const lzw: Target = {
  name: 'lzw',
  input: 'whole',
  outcomeBytes: { base: LZW_OUTPUT_MAX + 4096, perByte: 0 },
  tokens: [Buffer.of(0x80, 0), Buffer.of(0, 1), Buffer.of(0xff, 0xff, 0xff)],
  seeds: () => bytesOf('lzw'),
  read(pieces) {
    const data = whole(pieces);
    const back = lzwDecompress(lzwCompress(data), data.length);
    must(back.ok && back.output.equals(data), 'what was compressed comes back');
    return lzwDecompress(data, LZW_OUTPUT_MAX);
  },
};

const addresses: Target = {
  name: 'join-address',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: ['::', '[', ']:', '/', '255', 'ffff:', '.'],
  seeds: () => ['*.dc1/192.0.2.2:8302', '[2001:db8::1]:8301', '::ffff:1.2.3.4'].map(textBytes),
  read(pieces) {
    const data = whole(pieces);
    const text = data.toString('utf8');
    const ip = ipToBytes(text);
    const printed = ip === null ? null : bytesToIp(ip);
    if (ip !== null) roundTrips(data, ip, () => ipToBytes(printed ?? ''));
    return [parseJoinAddress(text, 8301), printed, bytesToIp(data)];
  },
};

const keyRing: Target = {
  name: 'keyring-file',
  input: 'whole',
  outcomeBytes: OBJECTS,
  tokens: ['["', '","', '"]', 'AAAAAAAAAAAAAAAAAAAAAA=='],
  seeds: () => [textBytes(JSON.stringify([KEY.toString('base64'), OTHER_KEY.toString('base64')]))],
  read: (pieces) => parseKeyRing(whole(pieces).toString('utf8')),
};

export const GOSSIP_TARGETS: readonly Target[] = [
  gossipPacket,
  gossipStream,
  serfMessage,
  serfTags,
  serfSnapshot,
  lzw,
  addresses,
  keyRing,
];

// Every recorded vector decodes to what it says and is encoded again byte for byte.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { lzwCompress, lzwDecompress } from '../../../src/wire/gossip/lzw.ts';
import {
  encodePacketMessage,
  type PacketMessage,
  readPacketMessage,
} from '../../../src/wire/gossip/messages.ts';
import {
  addCrc,
  compress,
  labelHeader,
  openPacket,
  packMessages,
} from '../../../src/wire/gossip/packet.ts';
import { seal } from '../../../src/wire/gossip/seal.ts';
import {
  decodeTags,
  encodeFilter,
  encodePingPayload,
  encodeSerf,
  encodeTags,
  readFilter,
  readPingPayload,
  readSerf,
} from '../../../src/wire/gossip/serf.ts';
import {
  encodeStreamMessage,
  readStream,
  type StreamMessage,
  StreamParser,
  wrapStream,
} from '../../../src/wire/gossip/stream.ts';

interface Decoded {
  readonly [key: string]: unknown;
  readonly type?: number;
  readonly name?: string;
  readonly inner?: Decoded;
  readonly parts?: readonly Decoded[];
  readonly key?: string;
  readonly nonce?: string;
  readonly label?: string;
  readonly version?: 0 | 1;
  readonly encryptionVersion?: 0 | 1;
}

interface Vector {
  readonly name: string;
  readonly kind: string;
  readonly layer: string;
  readonly hex: string;
  readonly decoded: Decoded;
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('../../vectors/gossip.json', import.meta.url), 'utf8'),
);
const seen = new Set<string>();

function of(...layers: string[]): readonly Vector[] {
  const chosen = vectors.filter((vector) => layers.includes(vector.layer));
  for (const vector of chosen) seen.add(vector.name);
  return chosen;
}

function raw(hex: string): Buffer {
  return Buffer.from(hex.replace(/^hex:/, ''), 'hex');
}

/** A decoded value in the notation of the vectors; an empty slice counts as nil. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return value.length === 0 ? null : `hex:${Buffer.from(value).toString('hex')}`;
  }
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** Drops the convenience decodings, whose keys start with an underscore. */
function bare(value: unknown): unknown {
  if (value === 'hex:') return null;
  if (Array.isArray(value)) return value.map(bare);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([key]) => !key.startsWith('_'));
  return Object.fromEntries(entries.map(([key, item]) => [key, bare(item)]));
}

function checkSerf(data: Uint8Array, decoded: Decoded): void {
  const read = readSerf(data);
  if (!read.ok) throw new Error(read.error);
  const message = read.value;
  expect(encodeSerf(message).toString('hex')).toBe(Buffer.from(data).toString('hex'));
  expect(message.kind).toBe(decoded['name']);
  if (message.kind === 'relay') {
    expect(plain(message.header)).toEqual(bare(decoded['header']));
    if (decoded.inner) checkSerf(message.inner, decoded.inner);
  } else {
    expect(plain(message.body)).toMatchObject(bare(decoded['body'] ?? null) as object);
  }
}

function checkMessage(message: PacketMessage, decoded: Decoded): void {
  expect(message.kind).toBe(decoded.name);
  if (message.kind !== 'user') {
    expect(plain(message.body)).toEqual(bare(decoded['body']));
  } else if (decoded['serf']) checkSerf(message.data, decoded['serf'] as Decoded);
  else expect(plain(message.data)).toBe(decoded['data']);
}

/** The messages that a described packet holds, in order. */
function leaves(decoded: Decoded): readonly Decoded[] {
  if (decoded.parts) return decoded.parts.flatMap(leaves);
  return decoded.inner ? leaves(decoded.inner) : [decoded];
}

/** Builds the packet again in the wrappers that the description tells. */
function rebuild(decoded: Decoded, messages: Buffer[]): Buffer {
  if (decoded.name === 'compound') {
    return packMessages((decoded.parts ?? []).map((part) => rebuild(part, messages)));
  }
  const inner = (): Buffer => rebuild(decoded.inner as Decoded, messages);
  if (decoded.name === 'compress') return compress(inner());
  if (decoded.name === 'hasCrc') return addCrc(inner());
  if (decoded.key && decoded.nonce) {
    const label = labelHeader(decoded.label ?? '');
    const body = decoded.inner ? inner() : (messages.shift() as Buffer);
    const version = decoded.encryptionVersion ?? 1;
    const associated = Buffer.from(decoded.label ?? '');
    return Buffer.concat([
      label,
      seal(raw(decoded.key), raw(decoded.nonce), body, associated, version),
    ]);
  }
  if (decoded.label) return Buffer.concat([labelHeader(decoded.label), inner()]);
  return messages.shift() as Buffer;
}

describe('messages', () => {
  test.each(of('memberlist-message').map((v) => [v.name, v] as const))('%s', (_name, vector) => {
    const data = raw(vector.hex);
    if (vector.kind === 'err') {
      const read = readStream(data, { label: '', peer: 'acceptor', keys: [], plaintext: 'refuse' });
      if (!read.ok) throw new Error(read.error);
      expect(encodeStreamMessage(read.value)).toEqual(data);
      return;
    }
    const read = readPacketMessage(data);
    if (!read.ok) throw new Error(read.error);
    checkMessage(read.value, vector.decoded);
    expect(encodePacketMessage(read.value).toString('hex')).toBe(vector.hex);
  });

  test.each(of('serf-message').map((v) => [v.name, v] as const))('%s', (_name, vector) => {
    const outer = vector.decoded['outer'] as Decoded | undefined;
    checkSerf(raw(vector.hex), outer ?? vector.decoded);
  });
});

describe('packets', () => {
  test.each(of('memberlist-packet').map((v) => [v.name, v] as const))('%s', (_name, vector) => {
    const { decoded } = vector;
    const keys = decoded.key ? [raw(decoded.key)] : [];
    const label = decoded.label ?? '';
    const opened = openPacket(raw(vector.hex), { label, keys, plaintext: 'refuse' });
    if (decoded['ok'] === false) {
      expect(opened.messages).toEqual([]);
      expect(opened.problems).toHaveLength(1);
      return;
    }
    expect(opened.problems).toEqual([]);
    if (decoded['plaintext'] === undefined || decoded.inner) {
      const expected = leaves(decoded);
      expect(opened.messages).toHaveLength(expected.length);
      opened.messages.forEach((message, index) => {
        checkMessage(message, expected[index] as Decoded);
      });
    }
    const encoded = opened.messages.map(encodePacketMessage);
    expect(rebuild(decoded, encoded).toString('hex')).toBe(vector.hex);
  });
});

function checkStream(message: StreamMessage, decoded: Decoded): void {
  expect(message.kind).toBe(decoded.name);
  switch (message.kind) {
    case 'pushPull': {
      const header = decoded['header'] as { Nodes: number; UserStateLen: number; Join: boolean };
      expect(message.nodes).toHaveLength(header.Nodes);
      expect(message.userState).toHaveLength(header.UserStateLen);
      expect(message.join).toBe(header.Join);
      expect(plain(message.nodes)).toEqual(bare(decoded['nodes']));
      break;
    }
    case 'user':
      expect(plain(message.data)).toBe(decoded['data']);
      break;
    case 'err':
      expect({ Error: message.text }).toEqual(decoded['body']);
      break;
    default:
      expect(plain(message.body)).toEqual(bare(decoded['body']));
  }
}

describe('streams', () => {
  test.each(of('memberlist-stream').map((v) => [v.name, v] as const))('%s', (_name, vector) => {
    const { decoded } = vector;
    const data = raw(vector.hex);
    const label = decoded.label ?? '';
    const key = decoded.key === undefined ? null : raw(decoded.key);
    const rules = {
      label,
      peer: 'dialer',
      keys: key === null ? [] : [key],
      plaintext: 'refuse',
    } as const;
    const read = readStream(data, rules);
    if (!read.ok) throw new Error(read.error);
    const wrappers: Decoded[] = [];
    let inner = decoded;
    while (inner.inner) {
      wrappers.push(inner);
      inner = inner.inner;
    }
    checkStream(read.value, inner);

    const nonce = decoded.nonce === undefined ? null : raw(decoded.nonce);
    const again = wrapStream(encodeStreamMessage(read.value), {
      compression: wrappers.some((wrapper) => wrapper.name === 'compress') ? 'always' : 'never',
      seal: key && nonce ? { key, nonce, version: decoded.version ?? 1 } : null,
      label,
      side: 'dialer',
    });
    expect(again.toString('hex')).toBe(vector.hex);

    const bytewise = new StreamParser(rules);
    for (const byte of data.subarray(0, -1)) {
      expect(bytewise.feed(Buffer.of(byte))).toEqual({ state: 'incomplete' });
    }
    expect(bytewise.feed(data.subarray(-1)).state).toBe('done');
  });
});

describe('tags, filters, payloads', () => {
  test.each(of('serf-meta').map((v) => [v.name, v] as const))('%s', (_name, vector) => {
    const tags = decodeTags(raw(vector.hex));
    expect(tags).toEqual(vector.decoded);
    if (!vector.hex.startsWith('ff')) return;
    const encoded = encodeTags(tags);
    expect(encoded.ok && encoded.value.toString('hex')).toBe(vector.hex);
  });

  test.each(of('serf-filter').map((v) => [v.name, v] as const))('%s', (_name, vector) => {
    const read = readFilter(raw(vector.hex));
    if (!read.ok) throw new Error(read.error);
    expect(encodeFilter(read.value).toString('hex')).toBe(vector.hex);
  });

  test.each(of('serf-ping-payload').map((v) => [v.name, v] as const))('%s', (_name, vector) => {
    const read = readPingPayload(raw(vector.hex));
    if (!read.ok) throw new Error(read.error);
    expect(read.value).toEqual(vector.decoded['coordinate']);
    expect(encodePingPayload(read.value).toString('hex')).toBe(vector.hex);
  });
});

/** Input of the long vectors, described in them: no pair of neighbours occurs twice. */
function distinctPairs(length: number): Buffer {
  const used = new Set<number>();
  const bytes = [0];
  while (bytes.length < length) {
    const previous = bytes.at(-1) as number;
    let step = 1;
    while (used.has((previous << 8) | ((previous + step) & 0xff))) step += 1;
    const next = (previous + step) & 0xff;
    used.add((previous << 8) | next);
    bytes.push(next);
  }
  return Buffer.from(bytes);
}

describe('compression', () => {
  test.each(of('lzw').map((v) => [v.name, v] as const))('%s', (_name, vector) => {
    const given = vector.decoded['input'];
    const length = vector.decoded['inputLength'] as number;
    const input = typeof given === 'string' ? raw(given) : distinctPairs(length);
    expect(createHash('sha256').update(input).digest('hex')).toBe(vector.decoded['inputSha256']);
    expect(lzwCompress(input).toString('hex')).toBe(vector.hex);
    const back = lzwDecompress(raw(vector.hex), length);
    expect(back.ok && back.output.equals(input)).toBe(true);
  });
});

test('no vector is left out', () => {
  of('consul-user-event', 'coordinate'); // read in consul.test.ts
  expect(vectors).toHaveLength(127);
  expect(vectors.filter((vector) => !seen.has(vector.name)).map((v) => v.name)).toEqual([]);
});

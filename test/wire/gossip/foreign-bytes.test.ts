// Whatever comes: no reader throws, every split of a stream reads the same, what is big is refused.

import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToIp, ipToBytes, parseJoinAddress } from '../../../src/wire/gossip/address.ts';
import { readConsulEvent } from '../../../src/wire/gossip/consul-event.ts';
import { lzwCompress, lzwDecompress } from '../../../src/wire/gossip/lzw.ts';
import { encodeTyped, MESSAGE_TYPE } from '../../../src/wire/gossip/messages.ts';
import {
  addCrc,
  compress,
  openPacket,
  PACKET_DECOMPRESSED_MAX,
  packMessages,
} from '../../../src/wire/gossip/packet.ts';
import { open, seal } from '../../../src/wire/gossip/seal.ts';
import {
  decodeTags,
  readFilter,
  readPingPayload,
  readSerf,
} from '../../../src/wire/gossip/serf.ts';
import {
  parseSnapshot,
  parseSnapshotLine,
  renderSnapshot,
} from '../../../src/wire/gossip/snapshot.ts';
import {
  encodeStreamMessage,
  STREAM_BYTES_MAX,
  StreamParser,
  wrapStream,
} from '../../../src/wire/gossip/stream.ts';
import { struct, u32 } from '../../../src/wire/msgpack/schema.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const key = Buffer.alloc(16, 3);
const nonce = Buffer.alloc(12, 4);
const RULES = { label: '', keys: [], plaintext: 'refuse' } as const;

/** Bytes that begin like a message, so that the readers behind the type byte are reached. */
const likely = fc
  .tuple(fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 244), bytes)
  .map(([type, rest]) => Buffer.concat([Buffer.of(type), rest]));

describe('arbitrary bytes', () => {
  test('never make a reader throw', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, likely), (data) => {
        openPacket(data, RULES);
        openPacket(data, { ...RULES, keys: [key] });
        openPacket(addCrc(data), RULES);
        openPacket(compress(data), RULES);
        for (const peer of ['dialer', 'acceptor'] as const) {
          new StreamParser({ ...RULES, peer }).feed(data);
          new StreamParser({ ...RULES, peer, keys: [key], plaintext: 'accept' }).feed(data);
        }
        readSerf(data);
        readFilter(data);
        readPingPayload(data);
        readConsulEvent(data);
        decodeTags(data);
        open([key], data);
        lzwDecompress(data, 10_000);
        parseSnapshotLine(Buffer.from(data).toString('latin1'));
        parseJoinAddress(Buffer.from(data).toString('latin1'), 1);
        bytesToIp(data);
      }),
      { numRuns: 2_000 },
    );
  });

  test('a changed byte of a sealed message is noticed', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (data, at, change) => {
        const sealed = seal(key, nonce, data);
        const index = 1 + (at % (sealed.length - 1));
        sealed[index] = (sealed[index] as number) ^ change;
        expect(open([key], sealed).ok).toBe(false);
      }),
    );
  });
});

describe('round trips', () => {
  test('LZW gives back what it was given', () => {
    const repetitive = fc
      .array(fc.tuple(fc.uint8Array({ maxLength: 8 }), fc.integer({ min: 1, max: 400 })))
      .map((parts) => Buffer.concat(parts.flatMap(([part, times]) => Array(times).fill(part))));
    fc.assert(
      fc.property(fc.oneof(repetitive, fc.uint8Array({ maxLength: 6_000 })), (data) => {
        const back = lzwDecompress(lzwCompress(data), data.length);
        expect(back.ok && back.output.equals(data)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('seal and open, both versions, any key of the ring', () => {
    fc.assert(
      fc.property(bytes, fc.constantFrom(0 as const, 1 as const), bytes, (data, version, extra) => {
        const sealed = seal(key, nonce, data, extra, version);
        const opened = open([Buffer.alloc(32), key], sealed, extra);
        expect(opened.ok && opened.value.equals(data)).toBe(true);
      }),
    );
  });

  test('addresses', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const data = ipToBytes(text) as Buffer;
        const printed = bytesToIp(data) as string;
        expect(ipToBytes(printed)).toEqual(data);
      }),
    );
    const almost = fc.string({
      unit: fc.constantFrom('1', '25', '::', ':', '.', 'f', '0'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(almost, (text) => {
        expect(ipToBytes(text) !== null).toBe(isIP(text) !== 0);
      }),
      { numRuns: 20_000 },
    );
    expect(bytesToIp(ipToBytes('2001:db8::1') as Buffer)).toBe('2001:db8::1');
    expect(bytesToIp(ipToBytes('::ffff:1.2.3.4') as Buffer)).toBe('1.2.3.4');
    expect(parseJoinAddress('*.dc1/192.0.2.2', 8302)).toEqual({
      name: '*.dc1',
      host: '192.0.2.2',
      port: 8302,
    });
    expect(parseJoinAddress('[::1]:7', 1)).toEqual({ name: '', host: '::1', port: 7 });
    expect(parseJoinAddress('::1', 1)).toEqual({ name: '', host: '::1', port: 1 });
  });

  test('snapshots, whatever the names', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 })), (names) => {
        const usable = names.filter((name) => !name.includes('\n'));
        const alive = new Map(usable.map((name) => [name, '10.0.0.1:8301']));
        const facts = { alive, clock: 7n, eventClock: 8n, queryClock: 9n };
        expect(parseSnapshot(renderSnapshot(facts), 'forget')).toEqual(facts);
      }),
    );
  });
});

describe('streams', () => {
  const message = {
    kind: 'pushPull',
    join: true,
    nodes: Array.from({ length: 5 }, (_, index) => ({
      Name: `node${index}`,
      Addr: Buffer.of(10, 0, 0, index),
      Port: 8301,
      Meta: Buffer.alloc(60, index),
      Incarnation: index,
      State: 0,
      Vsn: Buffer.of(1, 5, 2, 2, 5, 4),
    })),
    userState: Buffer.alloc(100, 1),
  } as const;

  test('every split reads the same, in every wrapping', () => {
    const wrappings = fc.record({
      compression: fc.constantFrom('always' as const, 'never' as const),
      seal: fc.constantFrom(null, { key, nonce }),
      label: fc.constantFrom('', 'pool'),
    });
    fc.assert(
      fc.property(wrappings, fc.array(fc.nat(1_000)), (wrapping, cuts) => {
        const data = wrapStream(encodeStreamMessage(message), { ...wrapping, side: 'dialer' });
        const keys = wrapping.seal === null ? [] : [key];
        const parser = new StreamParser({ ...RULES, label: wrapping.label, peer: 'dialer', keys });
        const points = [...new Set(cuts.map((cut) => cut % data.length))].sort((a, b) => a - b);
        let progress = parser.feed(data.subarray(0, points[0] ?? data.length));
        points.forEach((point, index) => {
          progress = parser.feed(data.subarray(point, points[index + 1] ?? data.length));
        });
        expect(progress).toMatchObject({
          state: 'done',
          message: { kind: 'pushPull', join: true },
        });
        if (progress.state !== 'done' || progress.message.kind !== 'pushPull') return;
        expect(progress.message.nodes.map((node) => node.Name)).toEqual(
          message.nodes.map((node) => node.Name),
        );
        expect(Buffer.from(progress.message.userState).equals(message.userState)).toBe(true);
      }),
    );
  });

  test('what claims to be too large is refused before it comes', () => {
    const header = Buffer.alloc(5);
    header[0] = MESSAGE_TYPE.encrypt;
    header.writeUInt32BE(STREAM_BYTES_MAX + 1, 1);
    const parser = new StreamParser({ ...RULES, peer: 'dialer', keys: [key] });
    expect(parser.feed(header)).toMatchObject({
      state: 'failed',
      error: `Remote node state is larger than limit (${STREAM_BYTES_MAX + 1})`,
    });
  });

  test('the errors that peers are told are those of memberlist', () => {
    const plain = encodeStreamMessage(message);
    const sealed = wrapStream(plain, {
      compression: 'never',
      seal: { key, nonce },
      label: '',
      side: 'dialer',
    });
    const fails = (data: Uint8Array, keys: readonly Uint8Array[]): string => {
      const progress = new StreamParser({ ...RULES, peer: 'dialer', keys }).feed(data);
      return progress.state === 'failed' ? progress.error : progress.state;
    };
    expect(fails(sealed, [])).toBe('Remote state is encrypted and encryption is not configured');
    expect(fails(plain, [key])).toBe('Encryption is configured but remote state is not encrypted');
    expect(fails(sealed, [Buffer.alloc(16)])).toBe('No installed keys could decrypt the message');
  });
});

describe('limits', () => {
  test('a packet that unpacks to too much is dropped', () => {
    const big = compress(Buffer.alloc(PACKET_DECOMPRESSED_MAX + 1));
    expect(openPacket(big, RULES)).toMatchObject({ messages: [] });
    // Several of them in a compound share one allowance.
    const half = compress(
      encodeTyped(
        MESSAGE_TYPE.nackResp,
        struct({ SeqNo: u32, Filler: { ...u32, encode: (w) => w.raw(Buffer.alloc(200_000)) } }),
        { SeqNo: 1, Filler: 0 },
      ),
    );
    const opened = openPacket(packMessages([half, half, half]), RULES);
    expect(opened.messages).toHaveLength(1);
    expect(opened.problems).toHaveLength(2);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode, tryDecode } from '../../../src/wire/msgpack/schema.ts';
import {
  encodeRequest,
  encodeResponse,
  RequestHeader,
  ResponseHeader,
} from '../../../src/wire/rpc/headers.ts';
import { ValueSplitter } from '../../../src/wire/rpc/values.ts';
import { FrameParser } from '../../../src/wire/yamux/frames.ts';
import vectors from '../../vectors/rpc.json' with { type: 'json' };
import wanfed from '../../vectors/wanfed.json' with { type: 'json' };

interface Exchange {
  readonly name: string;
  readonly kind: string;
  readonly hex: string;
  readonly decoded: { readonly header: object; readonly header_len: number };
}

const exchanges = vectors.filter((vector) =>
  vector.kind.startsWith('rpc-'),
) as unknown as readonly Exchange[];

function split(pieces: readonly Uint8Array[]): {
  values: Buffer[];
  failed: string[];
  held: number;
} {
  const values: Buffer[] = [];
  const failed: string[] = [];
  const splitter = new ValueSplitter({
    value: (bytes) => values.push(bytes) > 0,
    failed: (reason) => void failed.push(reason),
  });
  for (const piece of pieces) splitter.feed(piece);
  return { values, failed, held: splitter.heldBytes };
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

describe('msgpack-RPC framing', () => {
  it.each(exchanges)(
    '$name splits into header and body and is written back unchanged',
    (vector) => {
      const bytes = Buffer.from(vector.hex, 'hex');
      const { values, failed } = split([bytes]);
      expect(failed).toEqual([]);
      expect(values).toHaveLength(2);
      const [header, body] = values as [Buffer, Buffer];
      expect(header.length).toBe(vector.decoded.header_len);
      if (vector.kind === 'rpc-request') {
        const decoded = decode(RequestHeader, header);
        expect(decoded).toEqual(vector.decoded.header);
        expect(encodeRequest(decoded, body).equals(bytes)).toBe(true);
      } else {
        const decoded = decode(ResponseHeader, header);
        expect(decoded).toEqual(vector.decoded.header);
        expect(encodeResponse(decoded, body).equals(bytes)).toBe(true);
      }
    },
  );

  it('finds the same values however the bytes are split', () => {
    const bytes = Buffer.concat(exchanges.map((vector) => Buffer.from(vector.hex, 'hex')));
    const whole = split([bytes]).values;
    expect(whole).toHaveLength(exchanges.length * 2);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 9 }),
        (sizes) => {
          const again = split(cut(bytes, sizes));
          expect(again.values.length).toBe(whole.length);
          expect(again.values.every((value, n) => value.equals(whole[n] as Buffer))).toBe(true);
          expect(again.held).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('agrees with the reader about where every recorded value ends', () => {
    for (const vector of vectors) {
      if (vector.kind !== 'msgpack-value') continue;
      const bytes = Buffer.from(vector.hex, 'hex');
      expect(split([bytes, Buffer.from([0xc0])]).values.map((value) => value.length)).toEqual([
        bytes.length,
        1,
      ]);
    }
  });

  it('survives arbitrary bytes and never keeps more than it was given', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), (pieces) => {
        const given = pieces.reduce((sum, piece) => sum + piece.length, 0);
        const { held, values } = split(pieces);
        expect(held + values.reduce((sum, value) => sum + value.length, 0)).toBeLessThanOrEqual(
          given,
        );
        for (const value of values) tryDecode(RequestHeader, value);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives up on a value beyond its limit', () => {
    const failed: string[] = [];
    const splitter = new ValueSplitter(
      { value: () => true, failed: (reason) => void failed.push(reason) },
      1000,
    );
    splitter.feed(Buffer.from('dbffffffff', 'hex'));
    for (let n = 0; n < 20; n++) splitter.feed(Buffer.alloc(100));
    expect(failed).toEqual(['too large']);
    expect(splitter.heldBytes).toBe(0);
  });
});

describe('recorded multiplexed sessions between datacenters', () => {
  const recorded = wanfed.filter((vector) => vector.name.startsWith('rpc-multi'));

  it.each(recorded)('$name: every stream splits into whole exchanges', (vector) => {
    const streams = new Map<number, Buffer[]>();
    let current = 0;
    const parser = new FrameParser({
      frame(header) {
        current = header.streamId;
        return true;
      },
      payload(part) {
        const parts = streams.get(current) ?? [];
        parts.push(part);
        streams.set(current, parts);
      },
    });
    parser.feed(Buffer.from(vector.hex, 'hex'));
    expect(streams.size).toBeGreaterThan(0);
    const header = vector.name.endsWith('c2s') ? RequestHeader : ResponseHeader;
    for (const parts of streams.values()) {
      const { values, failed } = split(parts);
      expect(failed).toEqual([]);
      expect(values.length).toBeGreaterThan(0);
      for (const [n, value] of values.entries()) {
        if (n % 2 === 1) continue;
        const decoded = decode(header as typeof RequestHeader, value);
        expect(decoded.ServiceMethod).toMatch(/^\w+\.\w+$/);
        expect(encode(header as typeof RequestHeader, decoded).equals(value)).toBe(true);
      }
    }
  });
});

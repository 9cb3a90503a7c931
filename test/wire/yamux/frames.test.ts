import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeHeader,
  FLAG,
  FRAME,
  FrameParser,
  type YamuxHeader,
} from '../../../src/wire/yamux/frames.ts';
import vectors from '../../vectors/rpc.json' with { type: 'json' };

interface FrameVector {
  readonly name: string;
  readonly hex: string;
  readonly decoded: readonly {
    readonly type: string;
    readonly flags: readonly string[];
    readonly stream_id: number;
    readonly length: number;
    readonly payload?: string;
  }[];
}

const TYPES: Readonly<Record<string, number>> = {
  data: FRAME.data,
  'window-update': FRAME.windowUpdate,
  ping: FRAME.ping,
  'go-away': FRAME.goAway,
};
const FLAGS: Readonly<Record<string, number>> = {
  SYN: FLAG.syn,
  ACK: FLAG.ack,
  FIN: FLAG.fin,
  RST: FLAG.rst,
};

interface Parsed {
  readonly header: YamuxHeader;
  payload: Buffer;
}

function parse(pieces: readonly Uint8Array[]): readonly Parsed[] {
  const frames: Parsed[] = [];
  const parser = new FrameParser({
    frame(header) {
      frames.push({ header, payload: Buffer.alloc(0) });
      return true;
    },
    payload(part) {
      const last = frames.at(-1) as Parsed;
      last.payload = Buffer.concat([last.payload, part]);
    },
  });
  for (const piece of pieces) parser.feed(piece);
  return frames;
}

function reencode(frames: readonly Parsed[]): Buffer {
  return Buffer.concat(
    frames.flatMap(({ header, payload }) => [
      encodeHeader(header.type, header.flags, header.streamId, header.length),
      payload,
    ]),
  );
}

const frameVectors = vectors.filter(
  (vector) => vector.kind === 'yamux-frames',
) as unknown as readonly FrameVector[];

describe('yamux frames', () => {
  it.each(frameVectors)('$name reads as recorded and is written back unchanged', (vector) => {
    const frames = parse([Buffer.from(vector.hex, 'hex')]);
    expect(
      frames.map(({ header }) => [header.type, header.flags, header.streamId, header.length]),
    ).toEqual(
      vector.decoded.map((frame) => [
        TYPES[frame.type],
        frame.flags.reduce((sum, flag) => sum | (FLAGS[flag] as number), 0),
        frame.stream_id,
        frame.length,
      ]),
    );
    expect(frames.map(({ payload }) => payload.toString('hex'))).toEqual(
      vector.decoded.map((frame) => frame.payload ?? ''),
    );
    expect(reencode(frames).toString('hex')).toBe(vector.hex);
  });

  it('gives the same frames however the bytes are split', () => {
    const bytes = Buffer.concat(frameVectors.map((vector) => Buffer.from(vector.hex, 'hex')));
    const whole = parse([bytes]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sizes) => {
        const pieces: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] as number;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(parse(pieces)).toEqual(whole);
      }),
    );
  });
});

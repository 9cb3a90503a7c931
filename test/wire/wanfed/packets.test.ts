import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodePacketFrame,
  PACKET_BYTES_MAX,
  PacketFrameParser,
} from '../../../src/wire/wanfed/packets.ts';
import vectors from '../../vectors/wanfed.json' with { type: 'json' };

function parse(pieces: readonly Uint8Array[]): { packets: Buffer[]; failed: string[] } {
  const packets: Buffer[] = [];
  const failed: string[] = [];
  const parser = new PacketFrameParser({
    packets: (batch) => void packets.push(...batch),
    failed: (text) => void failed.push(text),
  });
  for (const piece of pieces) parser.feed(piece);
  return { packets, failed };
}

const frames = vectors.filter((vector) => /-packet-to-dc\d-\d+$/.test(vector.name));
const connections = vectors.filter((vector) => /-packet-to-dc\d-connection$/.test(vector.name));

describe('gossip packets between datacenters', () => {
  it.each(frames)('$name is one frame and is written back unchanged', (vector) => {
    const bytes = Buffer.from(vector.hex, 'hex');
    const { packets, failed } = parse([bytes]);
    expect(failed).toEqual([]);
    expect(packets).toHaveLength(1);
    expect(encodePacketFrame(packets[0] as Buffer).equals(bytes)).toBe(true);
  });

  it.each(connections)('$name gives the same packets however it is split', (vector) => {
    const bytes = Buffer.from(vector.hex, 'hex');
    const whole = parse([bytes]).packets;
    expect(whole.length).toBeGreaterThan(2);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), (size) => {
        const pieces: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
        expect(parse(pieces).packets).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  it('takes a packet of 4 MiB, not one byte more, and no empty one', () => {
    const largest = encodePacketFrame(Buffer.alloc(PACKET_BYTES_MAX));
    expect(parse([largest]).packets[0]?.length).toBe(PACKET_BYTES_MAX);
    expect(parse([Buffer.from('00400001', 'hex')]).failed).toEqual([
      'gossip packet size 4194305 exceeds threshold of 4194304',
    ]);
    expect(parse([Buffer.from('00000000', 'hex')]).failed).toEqual(['packet too short (0 bytes)']);
  });

  it('drops half a packet', () => {
    expect(parse([Buffer.from('0000000461626364000000046162', 'hex')]).packets).toHaveLength(1);
  });

  it('passes on what came before a broken frame', () => {
    const { packets, failed } = parse([Buffer.from('0000000161ffffffff', 'hex')]);
    expect(packets.map(String)).toEqual(['a']);
    expect(failed).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { decode } from '../../src/wire/msgpack/schema.ts';
import { time, ZERO_TIME } from '../../src/wire/msgpack/time.ts';

const UTC = -1;

describe("Go's times", () => {
  it.each([
    ['15 bytes', 'af010000000edce5e800075bcd15ffff', 1_700_000_000, 123_456_789],
    ['4 bytes', 'a46553f100', 1_700_000_000, 0],
    ['8 bytes', 'a81d6f34546553f100', 1_700_000_000, 123_456_789],
    ['12 bytes', 'ac0000000500000004a817c800', 20_000_000_000, 5],
    ['12 bytes, long ago', 'ac00000000fffffff1886e0900', -62_135_596_800, 0],
  ])('are read from %s', (_, hex, unixSeconds, nanoseconds) => {
    const read = decode(time, Buffer.from(hex, 'hex'));
    expect(read).toEqual({ unixSeconds, nanoseconds, zoneMinutes: UTC });
  });

  it('are not set when nil', () => {
    expect(decode(time, Buffer.from('c0', 'hex'))).toEqual(ZERO_TIME);
  });

  it('are refused in any other length', () => {
    expect(() => decode(time, Buffer.from('a5010203040506', 'hex'))).toThrow('time of 5 bytes');
  });
});

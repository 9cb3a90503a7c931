import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MsgpackReader } from '../../src/wire/msgpack/reader.ts';
import { decodeOwnFile, encodeOwnFile } from '../../src/wire/own-file.ts';

test('what was written is read; a changed byte is noticed, wherever it is', () => {
  fc.assert(
    fc.property(fc.record({ term: fc.nat(), votedFor: fc.string() }), fc.nat(), (value, place) => {
      const file = encodeOwnFile(value);
      expect(decodeOwnFile(file)).toEqual({ value });
      const damaged = Buffer.from(file);
      const at = place % damaged.length;
      damaged[at] = (damaged[at] as number) ^ 0x01;
      expect(decodeOwnFile(damaged)).toBeUndefined();
    }),
  );
});

test('too few bytes are no file', () => {
  expect(decodeOwnFile(Buffer.alloc(0))).toBeUndefined();
  expect(decodeOwnFile(Buffer.alloc(4))).toBeUndefined();
});

test('the own reader of msgpack understands what the library writes', () => {
  const value = { text: 'a'.repeat(40), number: 70_000, list: [1, -1, 2.5], none: null };
  expect(new MsgpackReader(encodeOwnFile(value).subarray(4)).any()).toEqual(value);
});

/** Entries come out of their packed form as they went in, and share nothing with what they came from. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DirEntry } from '../../src/model/kv.ts';
import { INLINE_BYTES_MAX, packedEntries } from '../../src/store/packed-entry.ts';

const index = fc.maxSafeNat();
const value = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ minLength: INLINE_BYTES_MAX - 1, maxLength: INLINE_BYTES_MAX + 1 }),
);

const entries: fc.Arbitrary<DirEntry> = fc.record({
  Key: fc.string({ unit: 'grapheme' }),
  LockIndex: index,
  CreateIndex: index,
  ModifyIndex: index,
  Flags: fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  Session: fc.oneof(fc.constant(''), fc.uuid(), fc.string({ unit: 'grapheme', maxLength: 5000 })),
  Value: value.map((bytes) => (bytes === null ? null : Buffer.from(bytes))),
});

test('an entry is unpacked as it was packed', () => {
  fc.assert(
    fc.property(entries, (entry) => {
      const kept = packedEntries.pack(entry);
      expect(packedEntries.unpack(kept, entry.Key)).toEqual(entry);
    }),
  );
});

test('a kept entry does not change with the bytes that it came from', () => {
  for (const size of [1, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1]) {
    const Value = Buffer.alloc(size, 1);
    const entry: DirEntry = {
      Key: 'a',
      LockIndex: 0,
      CreateIndex: 1,
      ModifyIndex: 1,
      Flags: 0n,
      Session: '',
      Value,
    };
    const kept = packedEntries.pack(entry);
    Value.fill(2);
    expect(packedEntries.unpack(kept, 'a').Value).toEqual(Buffer.alloc(size, 1));
  }
});

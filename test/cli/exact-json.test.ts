import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJsonExactly } from '../../src/cli/exact-json.ts';

test('integers beyond 2^53 are kept exactly', () => {
  expect(parseJsonExactly('[18446744073709551615,-9223372036854775808,7]')).toEqual([
    18446744073709551615n,
    -9223372036854775808n,
    7,
  ]);
});

test('digits inside strings, and floats, are left alone', () => {
  expect(parseJsonExactly('{"a":"18446744073709551615","b":1234567890123456.5}')).toEqual({
    a: '18446744073709551615',
    b: 1234567890123456.5,
  });
  expect(parseJsonExactly('"\\"9999999999999999999"')).toBe('"9999999999999999999');
});

test('everything else reads as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const read = parseJsonExactly(text);
      const rounded = JSON.stringify(read, (_key, value) =>
        typeof value === 'bigint' ? Number(value) : value,
      );
      expect(JSON.parse(rounded)).toEqual(JSON.parse(text));
    }),
  );
});

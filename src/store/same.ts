/** Structural equality of rows, as Go's DeepEqual has it: nil differs from empty. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameBytes(a, b);
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, at) => same(item, b[at]));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  return keys.every((key) => Object.hasOwn(right, key) && same(left[key], right[key]));
}

/** Equality of values that may be nil: here nil equals empty. */
export function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === b) return true;
  if (a === null || b === null) return (a ?? b)?.length === 0;
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** A copy, so that a few bytes do not keep the whole message alive that they came in. */
export function ownBytes<Bytes extends Uint8Array | null>(bytes: Bytes): Bytes | Buffer {
  return bytes === null ? bytes : Buffer.from(bytes);
}

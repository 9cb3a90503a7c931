/** How much memory a value takes, roughly. */

const OBJECT_BYTES = 24;
const SLOT_BYTES = 8;
const ENTRY_BYTES = 48;
const VIEW_BYTES = 96;
const BIGINT_BYTES = 24;

/** Bytes of `value` and all that it holds, each counted once. Gives up beyond `enough`. */
export function weigh(value: unknown, enough: number): number {
  const seen = new Set<object>();
  const left: unknown[] = [value];
  let bytes = 0;
  while (left.length > 0 && bytes <= enough) {
    const next = left.pop();
    if (typeof next === 'string') bytes += OBJECT_BYTES + next.length;
    else if (typeof next === 'bigint') bytes += BIGINT_BYTES;
    else if (typeof next === 'object' && next !== null && !seen.has(next)) {
      seen.add(next);
      bytes += weighShell(next, left);
    }
  }
  return bytes;
}

/** The object itself; what it holds goes to `left`. */
function weighShell(object: object, left: unknown[]): number {
  if (ArrayBuffer.isView(object)) return VIEW_BYTES + object.byteLength;
  if (Array.isArray(object)) {
    for (const item of object) left.push(item);
    return OBJECT_BYTES + object.length * SLOT_BYTES;
  }
  if (object instanceof Map) {
    for (const [key, item] of object) left.push(key, item);
    return OBJECT_BYTES + object.size * ENTRY_BYTES;
  }
  const items = Object.values(object);
  for (const item of items) left.push(item);
  return OBJECT_BYTES + items.length * SLOT_BYTES;
}

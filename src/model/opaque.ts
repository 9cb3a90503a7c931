/**
 * Free-form maps (Go's `map[string]interface{}`). They are read as plain values, and written back as
 * the very bytes they were read from: Go tells 1 from 1.0 and keeps no order, JavaScript numbers and
 * objects do otherwise.
 */

import { type MsgpackAny, MsgpackReader } from '../wire/msgpack/reader.ts';
import { any, type Codec, map } from '../wire/msgpack/schema.ts';
import { MsgpackWriter } from '../wire/msgpack/writer.ts';

export type OpaqueMap = Readonly<Record<string, MsgpackAny>>;

/** Bytes that a map was read from. */
const sources = new WeakMap<object, Uint8Array>();

const plain = map(any);

export const opaqueMap: Codec<OpaqueMap | null> = {
  ...plain,
  encode(writer, value) {
    const source = value === null ? undefined : sources.get(value);
    if (source === undefined) plain.encode(writer, value);
    else writer.bytes(source);
  },
  decode(reader) {
    const start = reader.offset;
    const value = plain.decode(reader);
    if (value !== null) {
      sources.set(value, Uint8Array.prototype.slice.call(reader.bytes, start, reader.offset));
    }
    return value;
  },
};

/** The map with one text set; all other values keep the bytes that they were read from. */
export function withText(value: OpaqueMap | null, key: string, text: string): OpaqueMap {
  const changed = { ...value, [key]: text };
  const source = value === null ? undefined : sources.get(value);
  if (source === undefined) return changed;
  const pairs = [...pairsOf(source)].filter(([name]) => name !== key);
  const writer = new MsgpackWriter();
  writer.mapHeader(pairs.length + 1);
  for (const [, bytes] of pairs) writer.bytes(bytes);
  writer.string(key);
  writer.string(text);
  sources.set(changed, writer.finish());
  return changed;
}

/** Keys of a map with the bytes of their pairs. */
function* pairsOf(source: Uint8Array): Generator<readonly [string, Uint8Array]> {
  const reader = new MsgpackReader(source);
  for (let left = reader.mapHeader(); left > 0; left--) {
    const start = reader.offset;
    const name = reader.string();
    reader.skip();
    yield [name, source.subarray(start, reader.offset)];
  }
}

/**
 * Free-form maps (Go's `map[string]interface{}`). They are read as plain values, and written back as
 * the very bytes they were read from: Go tells 1 from 1.0 and keeps no order, JavaScript numbers and
 * objects do otherwise.
 */

import type { MsgpackAny } from '../wire/msgpack/reader.ts';
import { any, type Codec, map } from '../wire/msgpack/schema.ts';

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

/**
 * Structs of the wire described once, as data: from one description follow the TypeScript type, the
 * encoder and the decoder. Encoding is what Go's codec emits (keys sorted bytewise, nil for nil
 * slices and maps); decoding accepts what Go's codec accepts (any key order, missing keys = zero,
 * unknown keys skipped, nil = zero, arrays as fields in order of declaration).
 */

import { textOf } from '../../error-text.ts';
import { MalformedError, type MsgpackAny, MsgpackReader } from './reader.ts';
import { type MsgpackWriter, written } from './writer.ts';

/** Memory of what is decoded: see `MsgpackReader.charge`. */
const SLOT_BYTES = 8;
const ENTRY_BYTES = 64;
const OBJECT_BYTES = 24;

export interface Codec<T> {
  encode(writer: MsgpackWriter, value: T): void;
  decode(reader: MsgpackReader): T;
  /** The Go zero value. */
  zero(): T;
  /** Whether an `omitEmpty` field of this value is left out. */
  isEmpty(value: T): boolean;
}

export type TypeOf<C> = C extends Codec<infer T> ? T : never;

/** Encodes one value. Throws a RangeError for numbers that do not fit. */
export function encode<T>(codec: Codec<T>, value: T): Buffer {
  return written((writer) => codec.encode(writer, value));
}

export type Decoded<T> =
  | { readonly ok: true; readonly value: T; readonly next: number }
  | { readonly ok: false; readonly reason: 'incomplete' | 'malformed'; readonly text: string };

/** Decodes one value from foreign bytes. Never throws; `next` is the offset behind the value. */
export function tryDecode<T>(codec: Codec<T>, bytes: Uint8Array, offset = 0): Decoded<T> {
  const reader = new MsgpackReader(bytes, offset);
  try {
    return { ok: true, value: codec.decode(reader), next: reader.offset };
  } catch (error) {
    return {
      ok: false,
      reason: error instanceof MalformedError ? 'malformed' : 'incomplete',
      text: textOf(error),
    };
  }
}

/** Decodes one value; throws `MalformedError` or `IncompleteError`. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, offset = 0): T {
  return codec.decode(new MsgpackReader(bytes, offset));
}

export const str: Codec<string> = {
  encode: (writer, value) => writer.string(value),
  decode: (reader) => (reader.tryNil() ? '' : reader.string()),
  zero: () => '',
  isEmpty: (value) => value === '',
};

export const bool: Codec<boolean> = {
  encode: (writer, value) => writer.bool(value),
  decode: (reader) => (reader.tryNil() ? false : reader.bool()),
  zero: () => false,
  isEmpty: (value) => !value,
};

function integer(min: number, max: number, name: string): Codec<number> {
  return {
    encode(writer, value) {
      if (value < min || value > max) throw new RangeError(`${value} does not fit ${name}`);
      writer.int(value);
    },
    decode(reader) {
      if (reader.tryNil()) return 0;
      const value = reader.int();
      if (value < min || value > max) throw new MalformedError(`${value} does not fit ${name}`);
      return value;
    },
    zero: () => 0,
    isEmpty: (value) => value === 0,
  };
}

export const u8 = integer(0, 0xff, 'uint8');
export const u16 = integer(0, 0xffff, 'uint16');
export const u32 = integer(0, 0xffff_ffff, 'uint32');
/** A signed 64-bit integer of which only the exact ones below 2^53 are accepted. */
export const i64 = integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'int64');
/** An unsigned 64-bit integer (index, term) of which only those below 2^53 are accepted. */
export const u64 = integer(0, Number.MAX_SAFE_INTEGER, 'uint64');
/**
 * A Go duration: integer nanoseconds. Exact below 104 days; beyond, the nearest number there is
 * (exact for whole hours at any length).
 */
export const duration: Codec<number> = {
  encode(writer, value) {
    if (Number.isSafeInteger(value)) writer.int(value);
    else writer.bigint(BigInt(value));
  },
  decode(reader) {
    if (reader.tryNil()) return 0;
    const value = Number(reader.bigintOrNumber());
    if (value >= 2 ** 63) throw new MalformedError(`${value} does not fit a duration`);
    return value;
  },
  zero: () => 0,
  isEmpty: (value) => value === 0,
};

/** A 64-bit integer that may use all its bits (KV flags, lamport times). */
export const bigU64: Codec<bigint> = {
  encode(writer, value) {
    if (value < 0n) throw new RangeError(`${value} does not fit uint64`);
    writer.bigint(value);
  },
  decode(reader) {
    if (reader.tryNil()) return 0n;
    const value = BigInt(reader.bigintOrNumber());
    if (value < 0n) throw new MalformedError(`${value} does not fit uint64`);
    return value;
  },
  zero: () => 0n,
  isEmpty: (value) => value === 0n,
};

export const f64: Codec<number> = {
  encode: (writer, value) => writer.float64(value),
  decode: (reader) => (reader.tryNil() ? 0 : reader.float()),
  zero: () => 0,
  isEmpty: (value) => value === 0,
};

/** Bytes. `c0` (a nil slice) is `null`; the empty slice is `a0`. */
export const bytes: Codec<Uint8Array | null> = {
  encode(writer, value) {
    if (value === null) writer.nil();
    else writer.raw(value);
  },
  decode(reader) {
    if (reader.tryNil()) return null;
    if (reader.peek() === 'array') return byteArray(reader);
    return reader.raw();
  },
  zero: () => null,
  isEmpty: (value) => value === null || value.length === 0,
};

function byteArray(reader: MsgpackReader): Uint8Array {
  const values: number[] = [];
  for (let left = reader.arrayHeader(); left > 0; left--) {
    reader.charge(SLOT_BYTES);
    values.push(u8.decode(reader));
  }
  return Buffer.from(values);
}

/** Number of elements. Go reads a map into a slice as keys and values in turn. */
function sliceHeader(reader: MsgpackReader): number {
  return reader.peek() === 'map' ? reader.mapHeader() * 2 : reader.arrayHeader();
}

/** A slice. `c0` (a nil slice) is `null`. */
export function slice<T>(item: Codec<T>): Codec<readonly T[] | null> {
  return {
    encode(writer, value) {
      if (value === null) {
        writer.nil();
        return;
      }
      writer.arrayHeader(value.length);
      for (const element of value) item.encode(writer, element);
    },
    decode(reader) {
      if (reader.tryNil()) return null;
      const items: T[] = [];
      for (let left = sliceHeader(reader); left > 0; left--) {
        reader.charge(SLOT_BYTES);
        items.push(item.decode(reader));
      }
      return items;
    },
    zero: () => null,
    isEmpty: (value) => value === null || value.length === 0,
  };
}

/** A slice that is never nil: nil is read as empty, empty is written as `90`. */
export function list<T>(item: Codec<T>): Codec<readonly T[]> {
  const nilable = slice(item);
  return {
    encode: nilable.encode,
    decode: (reader) => nilable.decode(reader) ?? [],
    zero: () => [],
    isEmpty: nilable.isEmpty,
  };
}

/**
 * A map from text. `c0` (a nil map) is `null`. Go's key order is random; ours is the object's, which
 * keeps what was read and makes output reproducible.
 */
export function map<T>(item: Codec<T>): Codec<Readonly<Record<string, T>> | null> {
  return {
    encode(writer, value) {
      if (value === null) {
        writer.nil();
        return;
      }
      const entries = Object.entries(value);
      writer.mapHeader(entries.length);
      for (const [key, element] of entries) {
        writer.string(key);
        item.encode(writer, element);
      }
    },
    decode(reader) {
      if (reader.tryNil()) return null;
      const entries: [string, T][] = [];
      for (let left = reader.mapHeader(); left > 0; left--) {
        reader.charge(ENTRY_BYTES);
        entries.push([reader.string(), item.decode(reader)]);
      }
      return Object.fromEntries(entries);
    },
    zero: () => null,
    isEmpty: (value) => value === null || Object.keys(value).length === 0,
  };
}

/** A pointer: nil is `null`, and the zero value of the field is `null`. */
export function pointer<T>(target: Codec<T>): Codec<T | null> {
  return {
    encode(writer, value) {
      if (value === null) writer.nil();
      else target.encode(writer, value);
    },
    decode: (reader) => (reader.tryNil() ? null : target.decode(reader)),
    zero: () => null,
    isEmpty: (value) => value === null,
  };
}

/** A value of unknown shape (Go's `interface{}`). */
export const any: Codec<MsgpackAny> = {
  encode: encodeAny,
  decode: (reader) => reader.any(),
  zero: () => null,
  isEmpty: (value) => value === null,
};

function encodeAny(writer: MsgpackWriter, value: MsgpackAny): void {
  if (value === null) writer.nil();
  else if (typeof value === 'string') writer.string(value);
  else if (typeof value === 'boolean') writer.bool(value);
  else if (typeof value === 'bigint') writer.bigint(value);
  else if (typeof value === 'number') {
    // Negative zero is a float: as an integer it would lose its sign.
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) writer.int(value);
    else writer.float64(value);
  } else if (value instanceof Uint8Array) writer.raw(value);
  else if (isArray(value)) {
    writer.arrayHeader(value.length);
    for (const element of value) encodeAny(writer, element);
  } else {
    const entries = Object.entries(value);
    writer.mapHeader(entries.length);
    for (const [key, element] of entries) {
      writer.string(key);
      encodeAny(writer, element);
    }
  }
}

function isArray(value: MsgpackAny): value is readonly MsgpackAny[] {
  return Array.isArray(value);
}

type Simplify<T> = { [K in keyof T]: T[K] } & {};
// biome-ignore lint/suspicious/noExplicitAny: the only way to accept a codec of any type here
type FieldCodecs = Readonly<Record<string, Codec<any>>>;
type StructOf<F extends FieldCodecs> = Simplify<{ readonly [K in keyof F]: TypeOf<F[K]> }>;

export interface StructCodec<T> extends Codec<T> {
  /** The field descriptions, to embed them in another struct by spreading. */
  readonly fields: { readonly [K in keyof T]: Codec<T[K]> };
  /** The value with the given fields set and all others zero. */
  of(partial: Partial<T>): T;
}

/**
 * A struct: fields in order of their Go declaration (which matters only for values that arrive as
 * arrays). `omitEmpty` names the fields that are left out when empty.
 */
export function struct<F extends FieldCodecs>(
  fields: F,
  options: { readonly omitEmpty?: readonly (keyof F & string)[] } = {},
): StructCodec<StructOf<F>> {
  type T = StructOf<F>;
  const names = Object.keys(fields);
  const omitted = new Set<string>(options.omitEmpty ?? []);
  const sorted = [...names].sort(bytewise).map((name) => ({
    name,
    header: encode(str, name),
    codec: fields[name] as Codec<unknown>,
    omitEmpty: omitted.has(name),
  }));
  const omittable = sorted.filter(({ omitEmpty }) => omitEmpty);
  const places = new Map(sorted.map(({ name }, place) => [name, place]));

  // Copying one zero value is fast; what is inside of it is shared, and frozen for that reason.
  let template: Readonly<Record<string, unknown>> | undefined;
  const makeTemplate = (): Readonly<Record<string, unknown>> =>
    Object.fromEntries(
      names.map((name) => [name, Object.freeze((fields[name] as Codec<unknown>).zero())]),
    );
  const zero = (): T => {
    template ??= makeTemplate();
    return { ...template } as T;
  };
  const weight = OBJECT_BYTES + names.length * SLOT_BYTES;

  return {
    fields: fields as unknown as StructCodec<T>['fields'],
    zero,
    of: (partial) => ({ ...zero(), ...partial }),
    isEmpty: () => false,
    encode(writer, value) {
      const record = value as Readonly<Record<string, unknown>>;
      let left = sorted.length;
      for (const field of omittable) if (field.codec.isEmpty(record[field.name])) left -= 1;
      writer.mapHeader(left);
      for (const field of sorted) {
        if (field.omitEmpty && field.codec.isEmpty(record[field.name])) continue;
        writer.bytes(field.header);
        field.codec.encode(writer, record[field.name]);
      }
    },
    decode(reader) {
      reader.charge(weight);
      const value = zero() as Record<string, unknown>;
      if (reader.tryNil()) return value as T;
      if (reader.peek() === 'array') {
        const count = reader.arrayHeader();
        for (let position = 0; position < count; position++) {
          const name = names[position];
          if (name === undefined) reader.skip();
          else value[name] = (fields[name] as Codec<unknown>).decode(reader);
        }
        return value as T;
      }
      let next = 0;
      for (let left = reader.mapHeader(); left > 0; left--) {
        // Senders sort their keys: mostly it is the next one, known without making a text of it.
        const likely = sorted[next];
        if (likely !== undefined && reader.tryBytes(likely.header)) {
          value[likely.name] = likely.codec.decode(reader);
          next += 1;
          continue;
        }
        const place = places.get(reader.string());
        const field = place === undefined ? undefined : sorted[place];
        if (place === undefined || field === undefined) reader.skip();
        else {
          value[field.name] = field.codec.decode(reader);
          next = place + 1;
        }
      }
      return value as T;
    },
  };
}

function bytewise(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
